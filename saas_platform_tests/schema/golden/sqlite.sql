CREATE TABLE plans (
	plan_id INTEGER NOT NULL, 
	code VARCHAR(32) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	tier VARCHAR(10) NOT NULL, 
	billing_interval VARCHAR(5) NOT NULL, 
	seat_price_cents BIGINT NOT NULL, 
	trial_days INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	row_version BIGINT NOT NULL DEFAULT 0, 
	CONSTRAINT pk_plans PRIMARY KEY (plan_id), 
	CONSTRAINT ck_plans_tier_known CHECK (tier IN ('starter', 'team', 'business', 'enterprise')), 
	CONSTRAINT ck_plans_billing_interval_known CHECK (billing_interval IN ('month', 'year')), 
	CONSTRAINT uq_plans_code UNIQUE (code), 
	CONSTRAINT ck_plans_price_not_negative CHECK (seat_price_cents >= 0), 
	CONSTRAINT ck_plans_trial_not_negative CHECK (trial_days >= 0)
);

CREATE INDEX ix_plans_row_version ON plans (row_version);

CREATE TABLE promo_codes (
	promo_code_id INTEGER NOT NULL, 
	code VARCHAR(32) NOT NULL, 
	campaign VARCHAR(64) NOT NULL, 
	kind VARCHAR(11) NOT NULL, 
	discount_percent INTEGER NOT NULL, 
	duration_months INTEGER, 
	holdout_percent INTEGER NOT NULL, 
	starts_at DATETIME NOT NULL, 
	ends_at DATETIME NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	row_version BIGINT NOT NULL DEFAULT 0, 
	CONSTRAINT pk_promo_codes PRIMARY KEY (promo_code_id), 
	CONSTRAINT ck_promo_codes_kind_known CHECK (kind IN ('acquisition', 'loyalty')), 
	CONSTRAINT uq_promo_codes_code UNIQUE (code), 
	CONSTRAINT ck_promo_codes_discount_in_range CHECK (discount_percent BETWEEN 1 AND 100), 
	CONSTRAINT ck_promo_codes_duration_positive CHECK (duration_months > 0), 
	CONSTRAINT ck_promo_codes_holdout_in_range CHECK (holdout_percent BETWEEN 0 AND 100), 
	CONSTRAINT ck_promo_codes_ends_after_start CHECK (ends_at > starts_at)
);

CREATE INDEX ix_promo_codes_row_version ON promo_codes (row_version);

CREATE TABLE features (
	feature_id INTEGER NOT NULL, 
	code VARCHAR(32) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	category VARCHAR(14) NOT NULL, 
	is_key BOOLEAN NOT NULL, 
	released_at DATETIME NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	row_version BIGINT NOT NULL DEFAULT 0, 
	CONSTRAINT pk_features PRIMARY KEY (feature_id), 
	CONSTRAINT ck_features_category_known CHECK (category IN ('core', 'collaboration', 'reporting', 'integration', 'administration')), 
	CONSTRAINT uq_features_code UNIQUE (code), 
	CONSTRAINT ck_features_is_key_known CHECK (is_key IN (0, 1))
);

CREATE INDEX ix_features_row_version ON features (row_version);

CREATE TABLE accounts (
	account_id INTEGER NOT NULL, 
	name VARCHAR(120) NOT NULL, 
	domain VARCHAR(120) NOT NULL, 
	industry VARCHAR(13) NOT NULL, 
	segment VARCHAR(10) NOT NULL, 
	employee_count INTEGER NOT NULL, 
	country VARCHAR(2) NOT NULL, 
	language VARCHAR(2) NOT NULL, 
	acquisition_channel VARCHAR(11) NOT NULL, 
	signed_up_at DATETIME NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	row_version BIGINT NOT NULL DEFAULT 0, 
	CONSTRAINT pk_accounts PRIMARY KEY (account_id), 
	CONSTRAINT ck_accounts_industry_known CHECK (industry IN ('software', 'finance', 'health', 'retail', 'manufacturing', 'education', 'media', 'logistics', 'consulting', 'public')), 
	CONSTRAINT ck_accounts_segment_known CHECK (segment IN ('smb', 'mid_market', 'enterprise')), 
	CONSTRAINT ck_accounts_country_known CHECK (country IN ('US', 'GB', 'DE', 'FR', 'NL', 'ES', 'SE', 'CA', 'AU', 'BR', 'IN', 'JP')), 
	CONSTRAINT ck_accounts_language_known CHECK (language IN ('en', 'de', 'fr', 'nl', 'es', 'sv', 'pt', 'ja')), 
	CONSTRAINT ck_accounts_acquisition_channel_known CHECK (acquisition_channel IN ('organic', 'paid_search', 'paid_social', 'referral', 'partner', 'outbound')), 
	CONSTRAINT uq_accounts_domain UNIQUE (domain), 
	CONSTRAINT ck_accounts_employees_positive CHECK (employee_count > 0)
);

CREATE INDEX ix_accounts_row_version ON accounts (row_version);

CREATE TABLE users (
	user_id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	email VARCHAR(254) NOT NULL, 
	full_name VARCHAR(120) NOT NULL, 
	role VARCHAR(6) NOT NULL, 
	device VARCHAR(7) NOT NULL, 
	deactivated_at DATETIME, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	row_version BIGINT NOT NULL DEFAULT 0, 
	CONSTRAINT pk_users PRIMARY KEY (user_id), 
	CONSTRAINT ck_users_role_known CHECK (role IN ('owner', 'admin', 'member', 'viewer')), 
	CONSTRAINT ck_users_device_known CHECK (device IN ('desktop', 'mobile', 'tablet')), 
	CONSTRAINT uq_users_email UNIQUE (email), 
	CONSTRAINT fk_users_account_id FOREIGN KEY(account_id) REFERENCES accounts (account_id)
);

CREATE INDEX ix_users_account_id ON users (account_id);

CREATE INDEX ix_users_row_version ON users (row_version);

CREATE TABLE subscriptions (
	subscription_id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	plan_id INTEGER NOT NULL, 
	promo_code_id INTEGER, 
	status VARCHAR(8) NOT NULL, 
	seats INTEGER NOT NULL, 
	unit_price_cents BIGINT NOT NULL, 
	discount_percent INTEGER NOT NULL, 
	payment_method VARCHAR(13), 
	trial_started_at DATETIME, 
	trial_ends_at DATETIME, 
	trial_with_card BOOLEAN NOT NULL, 
	activated_at DATETIME, 
	current_period_start DATETIME, 
	current_period_end DATETIME, 
	cancel_requested_at DATETIME, 
	ended_at DATETIME, 
	cancellation_kind VARCHAR(11), 
	cancellation_reason VARCHAR(16), 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	row_version BIGINT NOT NULL DEFAULT 0, 
	CONSTRAINT pk_subscriptions PRIMARY KEY (subscription_id), 
	CONSTRAINT ck_subscriptions_status_known CHECK (status IN ('trialing', 'active', 'past_due', 'paused', 'canceled', 'expired')), 
	CONSTRAINT ck_subscriptions_payment_method_known CHECK (payment_method IN ('card', 'direct_debit', 'bank_transfer')), 
	CONSTRAINT ck_subscriptions_cancellation_kind_known CHECK (cancellation_kind IN ('voluntary', 'involuntary')), 
	CONSTRAINT ck_subscriptions_cancellation_reason_known CHECK (cancellation_reason IN ('too_expensive', 'missing_features', 'switched_product', 'low_usage', 'bad_support', 'out_of_business', 'payment_failed')), 
	CONSTRAINT ck_subscriptions_seats_positive CHECK (seats > 0), 
	CONSTRAINT ck_subscriptions_price_not_negative CHECK (unit_price_cents >= 0), 
	CONSTRAINT ck_subscriptions_discount_in_range CHECK (discount_percent BETWEEN 0 AND 100), 
	CONSTRAINT ck_subscriptions_period_in_order CHECK (current_period_end > current_period_start), 
	CONSTRAINT ck_subscriptions_cancellation_explained CHECK ((cancellation_kind IS NULL AND cancellation_reason IS NULL) OR (cancellation_kind IS NOT NULL AND cancellation_reason IS NOT NULL)), 
	CONSTRAINT fk_subscriptions_account_id FOREIGN KEY(account_id) REFERENCES accounts (account_id), 
	CONSTRAINT fk_subscriptions_plan_id FOREIGN KEY(plan_id) REFERENCES plans (plan_id), 
	CONSTRAINT fk_subscriptions_promo_code_id FOREIGN KEY(promo_code_id) REFERENCES promo_codes (promo_code_id), 
	CONSTRAINT ck_subscriptions_trial_with_card_known CHECK (trial_with_card IN (0, 1))
);

CREATE INDEX ix_subscriptions_account_id ON subscriptions (account_id);

CREATE INDEX ix_subscriptions_row_version ON subscriptions (row_version);

CREATE TABLE subscription_changes (
	change_id INTEGER NOT NULL, 
	subscription_id INTEGER NOT NULL, 
	change_no INTEGER NOT NULL, 
	kind VARCHAR(17) NOT NULL, 
	effective_at DATETIME NOT NULL, 
	status VARCHAR(8) NOT NULL, 
	plan_id INTEGER NOT NULL, 
	seats INTEGER NOT NULL, 
	unit_price_cents BIGINT NOT NULL, 
	discount_percent INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	row_version BIGINT NOT NULL DEFAULT 0, 
	CONSTRAINT pk_subscription_changes PRIMARY KEY (change_id), 
	CONSTRAINT ck_subscription_changes_kind_known CHECK (kind IN ('trial_started', 'activated', 'reactivated', 'plan_changed', 'seats_changed', 'discount_started', 'discount_ended', 'price_changed', 'payment_failed', 'payment_recovered', 'paused', 'resumed', 'canceled', 'trial_expired')), 
	CONSTRAINT ck_subscription_changes_status_known CHECK (status IN ('trialing', 'active', 'past_due', 'paused', 'canceled', 'expired')), 
	CONSTRAINT uq_subscription_changes_subscription_id_change_no UNIQUE (subscription_id, change_no), 
	CONSTRAINT ck_subscription_changes_seats_positive CHECK (seats > 0), 
	CONSTRAINT ck_subscription_changes_price_not_negative CHECK (unit_price_cents >= 0), 
	CONSTRAINT ck_subscription_changes_discount_in_range CHECK (discount_percent BETWEEN 0 AND 100), 
	CONSTRAINT fk_subscription_changes_subscription_id FOREIGN KEY(subscription_id) REFERENCES subscriptions (subscription_id), 
	CONSTRAINT fk_subscription_changes_plan_id FOREIGN KEY(plan_id) REFERENCES plans (plan_id)
);

CREATE INDEX ix_subscription_changes_row_version ON subscription_changes (row_version);

CREATE TABLE invoices (
	invoice_id INTEGER NOT NULL, 
	subscription_id INTEGER NOT NULL, 
	number VARCHAR(32) NOT NULL, 
	status VARCHAR(13) NOT NULL, 
	issued_at DATETIME NOT NULL, 
	due_at DATETIME NOT NULL, 
	period_start DATETIME NOT NULL, 
	period_end DATETIME NOT NULL, 
	subtotal_cents BIGINT NOT NULL, 
	discount_cents BIGINT NOT NULL, 
	tax_cents BIGINT NOT NULL, 
	total_cents BIGINT NOT NULL, 
	paid_at DATETIME, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	row_version BIGINT NOT NULL DEFAULT 0, 
	CONSTRAINT pk_invoices PRIMARY KEY (invoice_id), 
	CONSTRAINT ck_invoices_status_known CHECK (status IN ('open', 'paid', 'uncollectible', 'void')), 
	CONSTRAINT uq_invoices_number UNIQUE (number), 
	CONSTRAINT ck_invoices_period_in_order CHECK (period_end > period_start), 
	CONSTRAINT ck_invoices_adds_up CHECK (total_cents = subtotal_cents - discount_cents + tax_cents), 
	CONSTRAINT ck_invoices_discount_not_negative CHECK (discount_cents >= 0), 
	CONSTRAINT ck_invoices_tax_not_negative CHECK (tax_cents >= 0), 
	CONSTRAINT fk_invoices_subscription_id FOREIGN KEY(subscription_id) REFERENCES subscriptions (subscription_id)
);

CREATE INDEX ix_invoices_row_version ON invoices (row_version);

CREATE INDEX ix_invoices_subscription_id ON invoices (subscription_id);

CREATE TABLE invoice_items (
	invoice_item_id INTEGER NOT NULL, 
	invoice_id INTEGER NOT NULL, 
	line_no INTEGER NOT NULL, 
	kind VARCHAR(9) NOT NULL, 
	plan_id INTEGER NOT NULL, 
	quantity INTEGER NOT NULL, 
	unit_price_cents BIGINT NOT NULL, 
	amount_cents BIGINT NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	row_version BIGINT NOT NULL DEFAULT 0, 
	CONSTRAINT pk_invoice_items PRIMARY KEY (invoice_item_id), 
	CONSTRAINT ck_invoice_items_kind_known CHECK (kind IN ('seats', 'proration', 'credit')), 
	CONSTRAINT uq_invoice_items_invoice_id_line_no UNIQUE (invoice_id, line_no), 
	CONSTRAINT ck_invoice_items_quantity_positive CHECK (quantity > 0), 
	CONSTRAINT ck_invoice_items_adds_up CHECK (amount_cents = quantity * unit_price_cents), 
	CONSTRAINT fk_invoice_items_invoice_id FOREIGN KEY(invoice_id) REFERENCES invoices (invoice_id), 
	CONSTRAINT fk_invoice_items_plan_id FOREIGN KEY(plan_id) REFERENCES plans (plan_id)
);

CREATE INDEX ix_invoice_items_row_version ON invoice_items (row_version);

CREATE TABLE payments (
	payment_id INTEGER NOT NULL, 
	invoice_id INTEGER NOT NULL, 
	attempt_no INTEGER NOT NULL, 
	kind VARCHAR(6) NOT NULL, 
	method VARCHAR(13) NOT NULL, 
	status VARCHAR(9) NOT NULL, 
	failure_code VARCHAR(18), 
	amount_cents BIGINT NOT NULL, 
	attempted_at DATETIME NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	row_version BIGINT NOT NULL DEFAULT 0, 
	CONSTRAINT pk_payments PRIMARY KEY (payment_id), 
	CONSTRAINT ck_payments_kind_known CHECK (kind IN ('charge', 'refund')), 
	CONSTRAINT ck_payments_method_known CHECK (method IN ('card', 'direct_debit', 'bank_transfer')), 
	CONSTRAINT ck_payments_status_known CHECK (status IN ('succeeded', 'failed')), 
	CONSTRAINT ck_payments_failure_code_known CHECK (failure_code IN ('insufficient_funds', 'card_declined', 'expired_card', 'do_not_honor', 'processing_error')), 
	CONSTRAINT uq_payments_invoice_id_attempt_no UNIQUE (invoice_id, attempt_no), 
	CONSTRAINT ck_payments_amount_not_negative CHECK (amount_cents >= 0), 
	CONSTRAINT ck_payments_failure_explained CHECK ((status = 'failed' AND failure_code IS NOT NULL) OR (status <> 'failed' AND failure_code IS NULL)), 
	CONSTRAINT fk_payments_invoice_id FOREIGN KEY(invoice_id) REFERENCES invoices (invoice_id)
);

CREATE INDEX ix_payments_row_version ON payments (row_version);

CREATE TABLE promo_redemptions (
	promo_redemption_id INTEGER NOT NULL, 
	promo_code_id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	arm VARCHAR(7) NOT NULL, 
	assigned_at DATETIME NOT NULL, 
	redeemed_at DATETIME, 
	subscription_id INTEGER, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	row_version BIGINT NOT NULL DEFAULT 0, 
	CONSTRAINT pk_promo_redemptions PRIMARY KEY (promo_redemption_id), 
	CONSTRAINT ck_promo_redemptions_arm_known CHECK (arm IN ('treated', 'holdout')), 
	CONSTRAINT uq_promo_redemptions_promo_code_id_account_id UNIQUE (promo_code_id, account_id), 
	CONSTRAINT ck_promo_redemptions_holdout_never_redeems CHECK (arm = 'treated' OR redeemed_at IS NULL), 
	CONSTRAINT ck_promo_redemptions_redeemed_on_subscription CHECK ((redeemed_at IS NULL AND subscription_id IS NULL) OR (redeemed_at IS NOT NULL AND subscription_id IS NOT NULL)), 
	CONSTRAINT fk_promo_redemptions_promo_code_id FOREIGN KEY(promo_code_id) REFERENCES promo_codes (promo_code_id), 
	CONSTRAINT fk_promo_redemptions_account_id FOREIGN KEY(account_id) REFERENCES accounts (account_id), 
	CONSTRAINT fk_promo_redemptions_subscription_id FOREIGN KEY(subscription_id) REFERENCES subscriptions (subscription_id)
);

CREATE INDEX ix_promo_redemptions_account_id ON promo_redemptions (account_id);

CREATE INDEX ix_promo_redemptions_row_version ON promo_redemptions (row_version);

CREATE TABLE usage_events (
	event_id INTEGER NOT NULL, 
	occurred_at DATETIME NOT NULL, 
	account_id INTEGER NOT NULL, 
	user_id INTEGER, 
	event_type VARCHAR(11) NOT NULL, 
	feature_id INTEGER, 
	row_version BIGINT NOT NULL DEFAULT 0, 
	CONSTRAINT pk_usage_events PRIMARY KEY (event_id), 
	CONSTRAINT ck_usage_events_event_type_known CHECK (event_type IN ('login', 'feature_use')), 
	CONSTRAINT ck_usage_events_feature_named CHECK ((event_type = 'login' AND feature_id IS NULL) OR (event_type = 'feature_use' AND feature_id IS NOT NULL)), 
	CONSTRAINT fk_usage_events_account_id FOREIGN KEY(account_id) REFERENCES accounts (account_id), 
	CONSTRAINT fk_usage_events_user_id FOREIGN KEY(user_id) REFERENCES users (user_id) ON DELETE SET NULL, 
	CONSTRAINT fk_usage_events_feature_id FOREIGN KEY(feature_id) REFERENCES features (feature_id)
);

CREATE INDEX ix_usage_events_occurred_at ON usage_events (occurred_at);

CREATE INDEX ix_usage_events_row_version ON usage_events (row_version);

CREATE INDEX ix_usage_events_user_id ON usage_events (user_id);

CREATE TABLE support_tickets (
	ticket_id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	user_id INTEGER, 
	category VARCHAR(15) NOT NULL, 
	priority VARCHAR(6) NOT NULL, 
	status VARCHAR(8) NOT NULL, 
	subject VARCHAR(200) NOT NULL, 
	opened_at DATETIME NOT NULL, 
	first_response_at DATETIME, 
	resolved_at DATETIME, 
	satisfaction INTEGER, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	row_version BIGINT NOT NULL DEFAULT 0, 
	CONSTRAINT pk_support_tickets PRIMARY KEY (ticket_id), 
	CONSTRAINT ck_support_tickets_category_known CHECK (category IN ('question', 'bug', 'complaint', 'billing', 'feature_request')), 
	CONSTRAINT ck_support_tickets_priority_known CHECK (priority IN ('low', 'normal', 'high', 'urgent')), 
	CONSTRAINT ck_support_tickets_status_known CHECK (status IN ('open', 'pending', 'resolved')), 
	CONSTRAINT ck_support_tickets_satisfaction_in_range CHECK (satisfaction BETWEEN 1 AND 5), 
	CONSTRAINT fk_support_tickets_account_id FOREIGN KEY(account_id) REFERENCES accounts (account_id), 
	CONSTRAINT fk_support_tickets_user_id FOREIGN KEY(user_id) REFERENCES users (user_id) ON DELETE SET NULL
);

CREATE INDEX ix_support_tickets_account_id ON support_tickets (account_id);

CREATE INDEX ix_support_tickets_row_version ON support_tickets (row_version);

CREATE INDEX ix_support_tickets_user_id ON support_tickets (user_id);
