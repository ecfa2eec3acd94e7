"""A hand-written company with an account, named by a constant, for each case of docs/metrics.md."""

from __future__ import annotations

from saas_platform_tests.marts.raw import MONTHLY, YEARLY, Change, RawCompany, timestamp

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
#: The accounts 20 to 25 are offered a promotion: four are treated and two are held out.
OFFERED = range(20, 26)
USERS = 30


def build_company() -> RawCompany:
    company = RawCompany()
    _subscriptions(company)
    _billing(company)
    _promotion(company)
    _use(company)
    return company


def _subscriptions(company: RawCompany) -> None:
    def subscribe(account: int, *changes: Change, ordinal: int = 1, **columns: object) -> int:
        if ordinal == 1:
            company.account(account)
        return company.subscription(account, *changes, ordinal=ordinal, **columns)

    canceled = Change("2025-03-10", "canceled", "canceled", seats=3, price=5_000)
    subscribe(
        ROUND_TRIP,
        Change("2025-01-10", "activated", seats=2, price=5_000),
        Change("2025-02-10", "seats_changed", seats=3, price=5_000),
        canceled,
    )
    subscribe(ROUND_TRIP, Change("2025-04-10", "reactivated", seats=2, price=5_000), ordinal=2)

    subscribe(
        IN_AND_OUT,
        Change("2025-06-05", "activated"),
        Change("2025-06-25", "canceled", "canceled"),
    )
    subscribe(
        FREE_FOR_A_WHILE,
        Change("2025-01-10", "activated"),
        Change("2025-03-10", "discount_started", discount=100),
        Change("2025-05-10", "discount_ended"),
    )
    subscribe(
        SHORT_PAUSE,
        Change("2025-01-10", "activated"),
        Change("2025-03-01", "paused", "paused"),
        Change("2025-05-29 23:00", "resumed"),
    )
    subscribe(
        LONG_PAUSE,
        Change("2025-01-10", "activated"),
        Change("2025-03-01", "paused", "paused"),
        # A change of price does not restart the pause.
        Change("2025-04-01", "price_changed", "paused", price=12_000),
        Change("2025-08-01", "resumed", price=12_000),
    )
    subscribe(TWO_SUBSCRIPTIONS, Change("2025-01-10", "activated"))
    subscribe(
        TWO_SUBSCRIPTIONS,
        Change("2025-03-10", "activated", price=5_000),
        Change("2025-05-10", "canceled", "canceled", price=5_000),
        ordinal=2,
    )
    subscribe(
        INVOLUNTARY,
        Change("2025-01-10", "activated"),
        Change("2025-03-10", "payment_failed", "past_due"),
        Change("2025-04-01", "canceled", "canceled"),
        cancellation_kind="involuntary",
        cancellation_reason="payment_failed",
    )
    subscribe(
        DISCOUNT_ENDS,
        Change("2025-01-10", "activated", discount=40),
        Change("2025-04-10", "discount_ended"),
    )
    subscribe(ANNUAL, Change("2025-01-10", "activated", price=10_001, plan=YEARLY))
    subscribe(
        PRORATED,
        Change("2025-01-10", "activated"),
        Change("2025-01-20", "seats_changed", seats=2),
    )
    subscribe(
        TRIAL_ONLY,
        Change("2025-02-01", "trial_started", "trialing"),
        Change("2025-02-15", "trial_expired", "expired"),
        trial_started_at=timestamp("2025-02-01"),
        trial_ends_at=timestamp("2025-02-15"),
    )
    subscribe(
        FREE_FROM_THE_START,
        Change("2025-01-10", "activated", discount=100),
        Change("2025-03-10", "discount_ended"),
    )
    subscribe(
        SWITCHED,
        Change("2025-01-10", "activated"),
        Change("2025-03-10", "canceled", "canceled"),
    )
    subscribe(SWITCHED, Change("2025-03-10", "activated", price=13_000), ordinal=2)
    subscribe(
        LEFT_WHILE_FREE,
        Change("2025-01-10", "activated"),
        Change("2025-03-10", "discount_started", discount=100),
        Change("2025-05-10", "canceled", "canceled", discount=100),
    )
    subscribe(
        LEFT_AND_BACK_IN_A_MONTH,
        Change("2025-01-10", "activated"),
        Change("2025-07-05", "canceled", "canceled"),
    )
    subscribe(LEFT_AND_BACK_IN_A_MONTH, Change("2025-07-20", "reactivated", price=9_000), ordinal=2)
    subscribe(HALF_A_CENT, Change("2025-01-10", "activated", price=1_001, discount=50))
    subscribe(
        PAST_DUE_RECOVERED,
        Change("2025-01-10", "activated"),
        Change("2025-02-25", "payment_failed", "past_due"),
        Change("2025-03-05", "payment_recovered"),
    )


def _billing(company: RawCompany) -> None:
    # The failure of February is recovered after 8 days. That of March is written off on 1 April.
    recovered, given_up = PAST_DUE_RECOVERED * 100 + 1, INVOLUNTARY * 100 + 1
    company.invoice(
        recovered,
        ("2025-02-25", "2025-03-25"),
        [("seats", 10_000)],
        tax=2_000,
        paid_at="2025-03-05",
        charges=[("2025-02-25", "failed"), ("2025-03-05", "succeeded")],
        refunds={"2025-03-20": 1_200},
    )
    company.invoice(
        given_up,
        ("2025-03-10", "2025-04-10"),
        [("seats", 10_000)],
        charges=[("2025-03-10", "failed"), ("2025-03-14", "failed")],
        status="uncollectible",
        updated_at=timestamp("2025-04-01"),
    )
    company.invoice(
        ANNUAL * 100 + 1,
        ("2025-01-10", "2026-01-10"),
        [("seats", 10_001)],
        discount=1,
        paid_at="2025-01-10",
        charges=[("2025-01-10", "succeeded")],
    )
    company.invoice(
        PRORATED * 100 + 1,
        ("2025-01-20", "2025-02-10"),
        [("credit", -3_000), ("proration", 9_999)],
        paid_at="2025-01-20",
        charges=[("2025-01-20", "succeeded")],
    )


def _promotion(company: RawCompany) -> None:
    """Add a promotion. Three of four treated accounts buy, one of them too late to count.

    One of the two held-out accounts buys.
    """
    company.promo_code(1, "acquisition", 40)
    bought = {20: "2025-01-20", 21: "2025-01-25", 22: "2025-02-20", 24: "2025-01-20"}
    for account in OFFERED:
        company.account(account, "2025-01-05")
        used = None
        if account in bought:
            subscription = company.subscription(
                account, Change(bought[account], "activated", discount=0 if account == 24 else 40)
            )
            used = (bought[account], subscription) if account == 20 else None
        company.offer(1, account, "treated" if account < 24 else "holdout", "2025-01-10", used)
    company.invoice(
        20 * 100 + 1,
        ("2025-01-20", "2025-02-20"),
        [("seats", 10_000)],
        discount=4_000,
        tax=600,
        paid_at="2025-01-20",
        charges=[("2025-01-20", "succeeded")],
    )


def _use(company: RawCompany) -> None:
    company.account(USERS, "2025-10-01")
    company.subscription(USERS, Change("2025-10-01", "activated", plan=MONTHLY))
    first, second = company.user(USERS, 1, "2025-10-01"), company.user(USERS, 2, "2025-10-01")
    company.use(USERS, first, "2025-10-03 09:00")
    company.use(USERS, first, "2025-10-03 10:00", feature=1)
    company.use(USERS, first, "2025-10-08 10:00", feature=2)
    company.use(USERS, second, "2025-10-08 23:59:59")
    company.use(USERS, None, "2025-10-30 10:00", feature=2)
    company.ticket(USERS, "2025-10-31 23:00", "complaint")
    company.ticket(USERS, "2025-11-01 00:00")
