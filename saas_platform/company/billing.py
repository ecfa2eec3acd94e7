"""Invoices and payments: the course of each is planned when the invoice is issued, then written as rows.

Contains: how an invoice is planned from the outcome that the simulator has decided, and the rows of
`invoices`, `invoice_items` and `payments`. Out of scope: the decision whether a charge fails.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saas_platform.company.columns import Array
from saas_platform.company.hazards import CHARGE_DELAY, retry_seconds
from saas_platform.company.names import base36
from saas_platform.company.parameters import Dunning
from saas_platform.company.randomness import Dice, choose
from saas_platform.company.rendering import Versions, choices
from saas_platform.company.state import ITEM, METHOD, NONE, Accounts, Invoices, Subscriptions
from saas_platform.company.timestamps import DAY, NEVER
from saas_platform.schema import vocabulary as v

#: Tax of each country in percent, in the order of v.COUNTRIES.
_TAX_PERCENT = np.array((0, 20, 19, 20, 21, 21, 25, 5, 10, 0, 18, 10))
_OPEN, _PAID, _GIVEN_UP = (v.INVOICE_STATUSES.index(s) for s in ("open", "paid", "uncollectible"))
#: Weights of v.FAILURE_CODES by payment method.
_FAILURES = np.array(
    (
        (0.46, 0.22, 0.14, 0.12, 0.06),
        (0.80, 0.00, 0.00, 0.00, 0.20),
        (0.00, 0.00, 0.00, 0.00, 1.00),
    )
)


def total_cents(invoices: Invoices, tax_percent: Array) -> tuple[Array, Array, Array, Array]:
    """Return subtotal, discount, tax and total of invoices in cents, discount and tax rounded half up."""
    subtotal = invoices.quantity * (invoices.unit + invoices.credit_unit)
    discount = (subtotal * invoices.discount + 50) // 100
    tax = ((subtotal - discount) * tax_percent + 50) // 100
    return subtotal, discount, tax, subtotal - discount + tax


@dataclass(frozen=True)
class Charge:
    """What invoices charge. Each array has one entry for each invoice.

    Attributes:
        issued_at: when each invoice is issued.
        item: kind of the charged line.
        quantity: quantity of the charged line.
        unit: unit price of the charged line, in cents.
        credit_plan: plan of the credit line.
        credit_unit: unit price of the credit line in cents, negative; 0 for no such line.
        retries: number of the retry that collects a failed charge: 0 where the first charge succeeds,
            one more than there are retries where none of them does.
    """

    issued_at: Array
    item: str
    quantity: Array
    unit: Array
    credit_plan: Array | int = NONE
    credit_unit: Array | int = 0
    retries: Array | int = 0


def plan_invoices(
    dice: Dice, dunning: Dunning, subs: Subscriptions, index: Array, charge: Charge
) -> Invoices:
    """Issue invoices to subscriptions in their current state, and plan the course of each invoice.

    Args:
        dice: the random numbers.
        dunning: the parameters of dunning.
        subs: the subscriptions. Their number of invoices is increased.
        index: positions of the subscriptions that get an invoice.
        charge: what each of them is charged.

    Returns:
        The invoices, each with its attempts to collect and its end, which may lie after this month.
    """
    subs.invoices[index] += 1
    key = subs.subscription_id[index] * 1000 + subs.invoices[index]
    method = subs.method[index]
    by_transfer = method == METHOD["bank_transfer"]
    first_days, last_days = dunning.transfer_days
    wait = first_days * DAY + dice.index((last_days - first_days) * DAY, "transfer", key)
    first = charge.issued_at + np.where(by_transfer, wait, CHARGE_DELAY)
    retries = np.broadcast_to(charge.retries, len(index))
    collected = retries <= len(dunning.retry_days)
    after = np.concatenate([[0], retry_seconds(dunning), [dunning.end_days * DAY]])[retries]
    subtotal = charge.quantity * (charge.unit + charge.credit_unit)
    nothing_due = (subtotal == 0) | (subs.discount[index] == 100)
    paid_at = np.where(collected, np.where(nothing_due, charge.issued_at, first + after), NEVER)
    refunded = dice.happens(dunning.refund, "refund", key) & collected & ~nothing_due & ~by_transfer
    refund_wait = DAY + dice.index(dunning.refund_days * DAY, "refund wait", key)
    return Invoices.build(
        len(index),
        invoice_id=key,
        subscription_id=subs.subscription_id[index],
        account=subs.account[index],
        issued_at=charge.issued_at,
        due_at=charge.issued_at + np.where(by_transfer, 30, 7) * DAY,
        period_start=np.where(charge.item == "seats", subs.period_start[index], charge.issued_at),
        period_end=subs.period_end[index],
        item=ITEM[charge.item],
        plan=subs.plan[index],
        quantity=charge.quantity,
        unit=charge.unit,
        credit_plan=charge.credit_plan,
        credit_unit=charge.credit_unit,
        discount=subs.discount[index],
        method=method,
        first_charge_at=np.where(nothing_due, NEVER, first),
        failures=retries,
        paid_at=paid_at,
        given_up_at=np.where(collected, NEVER, first + after),
        refund_at=np.where(refunded, paid_at + refund_wait, NEVER),
    )


def invoice_rows(invoices: Invoices, accounts: Accounts) -> Versions:
    """Return the versions of `invoices`: open when issued, then paid or given up."""
    subtotal, discount, tax, total = total_cents(
        invoices, _TAX_PERCENT[accounts.country[invoices.account]]
    )
    settled = np.flatnonzero((invoices.paid_at > invoices.issued_at) | (invoices.given_up_at > 0))
    at_once = invoices.paid_at == invoices.issued_at
    row = np.concatenate([np.arange(len(invoices)), settled])
    paid_at = np.concatenate(
        [np.where(at_once, invoices.paid_at, NEVER), invoices.paid_at[settled]]
    )
    status = np.concatenate(
        [
            np.where(at_once, _PAID, _OPEN),
            np.where(invoices.paid_at[settled] > 0, _PAID, _GIVEN_UP),
        ]
    )
    closed_at = np.maximum(invoices.paid_at, invoices.given_up_at)
    key = invoices.invoice_id[row]
    return Versions(
        key=key,
        updated_at=np.concatenate([invoices.issued_at, closed_at[settled]]),
        values={
            "invoice_id": key,
            "subscription_id": invoices.subscription_id[row],
            "number": base36(key, 11, "INV-"),
            "status": choices(v.INVOICE_STATUSES, status),
            "issued_at": invoices.issued_at[row],
            "due_at": invoices.due_at[row],
            "period_start": invoices.period_start[row],
            "period_end": invoices.period_end[row],
            "subtotal_cents": subtotal[row],
            "discount_cents": discount[row],
            "tax_cents": tax[row],
            "total_cents": total[row],
            "paid_at": paid_at,
            "created_at": invoices.issued_at[row],
        },
    )


def item_rows(invoices: Invoices) -> Versions:
    """Return the rows of `invoice_items`, with a credit first where a dearer plan replaces another."""
    credited = np.flatnonzero(invoices.credit_unit != 0)
    everything = np.arange(len(invoices))
    row = np.concatenate([credited, everything])
    is_credit = np.arange(len(row)) < len(credited)
    line_no = np.where(is_credit | (invoices.credit_unit[row] == 0), 1, 2)
    unit = np.where(is_credit, invoices.credit_unit[row], invoices.unit[row])
    key = invoices.invoice_id[row] * 100 + line_no
    return Versions(
        key=key,
        updated_at=invoices.issued_at[row],
        values={
            "invoice_item_id": key,
            "invoice_id": invoices.invoice_id[row],
            "line_no": line_no,
            "kind": choices(v.ITEM_KINDS, np.where(is_credit, ITEM["credit"], invoices.item[row])),
            "plan_id": np.where(is_credit, invoices.credit_plan[row], invoices.plan[row]),
            "quantity": invoices.quantity[row],
            "unit_price_cents": unit,
            "amount_cents": invoices.quantity[row] * unit,
            "created_at": invoices.issued_at[row],
        },
    )


def payment_rows(dice: Dice, dunning: Dunning, invoices: Invoices, accounts: Accounts) -> Versions:
    """Return the rows of `payments`: each failed charge, the one that succeeds, and any refund of it."""
    charged = np.flatnonzero(invoices.first_charge_at > 0)
    # The first charge and the retries after it, until one succeeds or no retry is left.
    tries = np.minimum(invoices.failures[charged] + 1, 1 + len(dunning.retry_days))
    refunded = np.flatnonzero(invoices.refund_at > 0)
    row = np.concatenate([np.repeat(charged, tries), refunded])
    attempt = np.concatenate(
        [
            np.arange(tries.sum()) - np.repeat(np.cumsum(tries) - tries, tries) + 1,
            invoices.failures[refunded] + 2,
        ]
    )
    is_refund = np.arange(len(row)) >= tries.sum()
    failed = ~is_refund & (attempt <= invoices.failures[row])
    waits = np.concatenate([[0], retry_seconds(dunning), [0, 0]])
    timestamp = np.where(
        is_refund, invoices.refund_at[row], invoices.first_charge_at[row] + waits[attempt - 1]
    )
    total = total_cents(invoices, _TAX_PERCENT[accounts.country[invoices.account]])[3][row]
    key = invoices.invoice_id[row] * 100 + attempt
    code = choose(
        dice.uniform("failure code", invoices.invoice_id[row]), _FAILURES[invoices.method[row]]
    )
    half = dice.happens(0.5, "half refund", invoices.invoice_id[row]) & is_refund
    values = {
        "payment_id": key,
        "invoice_id": invoices.invoice_id[row],
        "attempt_no": attempt,
        "kind": choices(v.PAYMENT_KINDS, is_refund.astype(np.int64)),
        "method": choices(v.PAYMENT_METHODS, invoices.method[row]),
        "status": choices(v.PAYMENT_STATUSES, failed.astype(np.int64)),
        "failure_code": choices(v.FAILURE_CODES, np.where(failed, code, NONE)),
        "amount_cents": np.where(half, (total + 1) // 2, total),
        "attempted_at": timestamp,
        "created_at": timestamp,
    }
    return Versions(key=key, updated_at=timestamp, values=values)
