"""One hand-written company: an account for each case of METRICS.md, named by its constant."""

from __future__ import annotations

from saas_platform_tests.marts.raw import MONTHLY, YEARLY, Change, Story, moment

ROUND_TRIP = 1
IN_AND_OUT = 2
FREE_FOR_A_WHILE = 3
SHORT_PAUSE = 4
LONG_PAUSE = 5
TWO_SUBSCRIPTIONS = 6
INVOLUNTARY = 7
DISCOUNT_ENDS = 8
ANNUAL = 9
PRORATED = 10
TRIAL_ONLY = 11
FREE_FROM_THE_START = 12
SWITCHED = 13
LEFT_WHILE_FREE = 14
LEFT_AND_BACK_IN_A_MONTH = 15
HALF_A_CENT = 16
PAST_DUE_RECOVERED = 17
#: 20 to 25: a promotion, four treated and two held out.
OFFERED = range(20, 26)
USERS = 30


def tell() -> Story:
    story = Story()
    _subscriptions(story)
    _billing(story)
    _promotion(story)
    _use(story)
    return story


def _subscriptions(story: Story) -> None:
    def tells(account: int, *changes: Change, ordinal: int = 1, **columns: object) -> int:
        if ordinal == 1:
            story.account(account)
        return story.subscription(account, *changes, ordinal=ordinal, **columns)

    canceled = Change("2025-03-10", "canceled", "canceled", seats=3, price=5_000)
    tells(
        ROUND_TRIP,
        Change("2025-01-10", "activated", seats=2, price=5_000),
        Change("2025-02-10", "seats_changed", seats=3, price=5_000),
        canceled,
    )
    tells(ROUND_TRIP, Change("2025-04-10", "reactivated", seats=2, price=5_000), ordinal=2)

    tells(
        IN_AND_OUT,
        Change("2025-06-05", "activated"),
        Change("2025-06-25", "canceled", "canceled"),
    )
    tells(
        FREE_FOR_A_WHILE,
        Change("2025-01-10", "activated"),
        Change("2025-03-10", "discount_started", discount=100),
        Change("2025-05-10", "discount_ended"),
    )
    tells(
        SHORT_PAUSE,
        Change("2025-01-10", "activated"),
        Change("2025-03-01", "paused", "paused"),
        Change("2025-05-29 23:00", "resumed"),
    )
    tells(
        LONG_PAUSE,
        Change("2025-01-10", "activated"),
        Change("2025-03-01", "paused", "paused"),
        # A change of price does not start the pause anew.
        Change("2025-04-01", "price_changed", "paused", price=12_000),
        Change("2025-08-01", "resumed", price=12_000),
    )
    tells(TWO_SUBSCRIPTIONS, Change("2025-01-10", "activated"))
    tells(
        TWO_SUBSCRIPTIONS,
        Change("2025-03-10", "activated", price=5_000),
        Change("2025-05-10", "canceled", "canceled", price=5_000),
        ordinal=2,
    )
    tells(
        INVOLUNTARY,
        Change("2025-01-10", "activated"),
        Change("2025-03-10", "payment_failed", "past_due"),
        Change("2025-04-01", "canceled", "canceled"),
        cancellation_kind="involuntary",
        cancellation_reason="payment_failed",
    )
    tells(
        DISCOUNT_ENDS,
        Change("2025-01-10", "activated", discount=40),
        Change("2025-04-10", "discount_ended"),
    )
    tells(ANNUAL, Change("2025-01-10", "activated", price=10_001, plan=YEARLY))
    tells(
        PRORATED,
        Change("2025-01-10", "activated"),
        Change("2025-01-20", "seats_changed", seats=2),
    )
    tells(
        TRIAL_ONLY,
        Change("2025-02-01", "trial_started", "trialing"),
        Change("2025-02-15", "trial_expired", "expired"),
        trial_started_at=moment("2025-02-01"),
        trial_ends_at=moment("2025-02-15"),
    )
    tells(
        FREE_FROM_THE_START,
        Change("2025-01-10", "activated", discount=100),
        Change("2025-03-10", "discount_ended"),
    )
    tells(
        SWITCHED,
        Change("2025-01-10", "activated"),
        Change("2025-03-10", "canceled", "canceled"),
    )
    tells(SWITCHED, Change("2025-03-10", "activated", price=13_000), ordinal=2)
    tells(
        LEFT_WHILE_FREE,
        Change("2025-01-10", "activated"),
        Change("2025-03-10", "discount_started", discount=100),
        Change("2025-05-10", "canceled", "canceled", discount=100),
    )
    tells(
        LEFT_AND_BACK_IN_A_MONTH,
        Change("2025-01-10", "activated"),
        Change("2025-07-05", "canceled", "canceled"),
    )
    tells(LEFT_AND_BACK_IN_A_MONTH, Change("2025-07-20", "reactivated", price=9_000), ordinal=2)
    tells(HALF_A_CENT, Change("2025-01-10", "activated", price=1_001, discount=50))
    tells(
        PAST_DUE_RECOVERED,
        Change("2025-01-10", "activated"),
        Change("2025-02-25", "payment_failed", "past_due"),
        Change("2025-03-05", "payment_recovered"),
    )


def _billing(story: Story) -> None:
    # February: recovered after 8 days; March: never, given up on 1 April.
    recovered, given_up = PAST_DUE_RECOVERED * 100 + 1, INVOLUNTARY * 100 + 1
    story.invoice(
        recovered,
        ("2025-02-25", "2025-03-25"),
        [("seats", 10_000)],
        tax=2_000,
        paid_at="2025-03-05",
        charges=[("2025-02-25", "failed"), ("2025-03-05", "succeeded")],
        refunds={"2025-03-20": 1_200},
    )
    story.invoice(
        given_up,
        ("2025-03-10", "2025-04-10"),
        [("seats", 10_000)],
        charges=[("2025-03-10", "failed"), ("2025-03-14", "failed")],
        status="uncollectible",
        updated_at=moment("2025-04-01"),
    )
    story.invoice(
        ANNUAL * 100 + 1,
        ("2025-01-10", "2026-01-10"),
        [("seats", 10_001)],
        discount=1,
        paid_at="2025-01-10",
        charges=[("2025-01-10", "succeeded")],
    )
    story.invoice(
        PRORATED * 100 + 1,
        ("2025-01-20", "2025-02-10"),
        [("credit", -3_000), ("proration", 9_999)],
        paid_at="2025-01-20",
        charges=[("2025-01-20", "succeeded")],
    )


def _promotion(story: Story) -> None:
    """Of four treated three buy, one of them too late to count; of two held out one does."""
    story.promo_code(1, "acquisition", 40)
    bought = {20: "2025-01-20", 21: "2025-01-25", 22: "2025-02-20", 24: "2025-01-20"}
    for account in OFFERED:
        story.account(account, "2025-01-05")
        used = None
        if account in bought:
            subscription = story.subscription(
                account, Change(bought[account], "activated", discount=0 if account == 24 else 40)
            )
            used = (bought[account], subscription) if account == 20 else None
        story.offer(1, account, "treated" if account < 24 else "holdout", "2025-01-10", used)
    story.invoice(
        20 * 100 + 1,
        ("2025-01-20", "2025-02-20"),
        [("seats", 10_000)],
        discount=4_000,
        tax=600,
        paid_at="2025-01-20",
        charges=[("2025-01-20", "succeeded")],
    )


def _use(story: Story) -> None:
    story.account(USERS, "2025-10-01")
    story.subscription(USERS, Change("2025-10-01", "activated", plan=MONTHLY))
    first, second = story.user(USERS, 1, "2025-10-01"), story.user(USERS, 2, "2025-10-01")
    story.use(USERS, first, "2025-10-03 09:00")
    story.use(USERS, first, "2025-10-03 10:00", feature=1)
    story.use(USERS, first, "2025-10-08 10:00", feature=2)
    story.use(USERS, second, "2025-10-08 23:59:59")
    story.use(USERS, None, "2025-10-30 10:00", feature=2)
    story.ticket(USERS, "2025-10-31 23:00", "complaint")
    story.ticket(USERS, "2025-11-01 00:00")
