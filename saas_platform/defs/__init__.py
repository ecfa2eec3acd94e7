"""The Dagster layer, which is thin: it names assets, wires them together and reports metadata.

The other packages do the work and do not know Dagster.
"""

import warnings

import dagster as dg

# These beta features are used on purpose: one run for many months, and the types of frames (all of
# dagster-pandas is beta). Dagster itself sets `owners` when it binds resources to a sensor.
warnings.filterwarnings(
    "ignore",
    category=dg.BetaWarning,
    message=r".*(`backfill_policy`|`owners`|Pandas|Constraint|dataframe)",
)
