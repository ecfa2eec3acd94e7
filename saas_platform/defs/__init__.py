"""The Dagster layer, which is thin: it names assets, wires them together and reports metadata.

The other packages do the work and do not know Dagster.
"""

import warnings

import dagster as dg

#: Dagster's warnings on beta features that are used on purpose: one run for many months, the versions of what is built,
#: the links to the code, and the types of frames (all of dagster-pandas is beta). Dagster itself sets `owners` when it
#: binds resources to a sensor.
KNOWN_BETA = r".*(`backfill_policy`|`data_version`|`owners`|[cC]odeReference|code_references|`use_user_code_server`|Pandas|Constraint|dataframe)"
warnings.filterwarnings("ignore", category=dg.BetaWarning, message=KNOWN_BETA)
