"""The Dagster layer, thin: it names things, wires them, and reports metadata.

What does the work is in the packages beside this one, which know no Dagster.
"""

import warnings

import dagster as dg

# Used knowingly: one run for many months, and the frames' types (all of dagster-pandas is beta); `owners`
# is what Dagster itself gives a sensor where it binds resources.
warnings.filterwarnings(
    "ignore",
    category=dg.BetaWarning,
    message=r".*(`backfill_policy`|`owners`|Pandas|Constraint|dataframe)",
)
