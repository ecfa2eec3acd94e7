-- The source database on SQL Server, as `saas-platform run` creates it. Written by
-- saas_platform/source/mssql/ddl.py; a test holds the two together.

SET QUOTED_IDENTIFIER ON;
GO

CREATE SCHEMA [saas];
GO

CREATE TABLE saas._source (
	[identity] VARCHAR(36) NOT NULL, 
	company NVARCHAR(400) NULL, 
	PRIMARY KEY ([identity])
);
GO

CREATE TABLE saas._tombstones (
	row_version ROWVERSION NOT NULL, 
	table_name VARCHAR(64) NOT NULL, 
	key_value BIGINT NOT NULL, 
	slice VARCHAR(10) NOT NULL
);
GO

CREATE INDEX ix__tombstones_table_name_row_version ON saas._tombstones (table_name, row_version);
GO

CREATE TABLE saas._erasures (
	user_id BIGINT NOT NULL, 
	erased_at DATETIME2(6) NOT NULL, 
	PRIMARY KEY (user_id)
);
GO

CREATE TABLE saas._batches (
	month VARCHAR(7) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	as_of DATETIME2(6) NOT NULL, 
	applied_at DATETIME2(6) NOT NULL, 
	row_count BIGINT NOT NULL, 
	PRIMARY KEY (month)
);
GO

CREATE TABLE saas._intake_log (
	table_name VARCHAR(64) NOT NULL, 
	finding VARCHAR(32) NOT NULL, 
	row_key BIGINT NOT NULL, 
	month VARCHAR(7) NOT NULL, 
	detail NVARCHAR(400) NOT NULL, 
	noted_at DATETIME2(6) NOT NULL, 
	PRIMARY KEY (table_name, finding, row_key, month)
);
GO

CREATE TABLE saas.plans (
	plan_id BIGINT NOT NULL, 
	code NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	name NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	tier VARCHAR(10) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	billing_interval VARCHAR(5) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	seat_price_cents BIGINT NOT NULL, 
	trial_days INTEGER NOT NULL, 
	created_at DATETIME2(6) NOT NULL, 
	updated_at DATETIME2(6) NOT NULL, 
	row_version ROWVERSION NOT NULL, 
	CONSTRAINT pk_plans PRIMARY KEY (plan_id), 
	CONSTRAINT ck_plans_tier_known CHECK (tier IN ('starter', 'team', 'business', 'enterprise')), 
	CONSTRAINT ck_plans_billing_interval_known CHECK (billing_interval IN ('month', 'year')), 
	CONSTRAINT uq_plans_code UNIQUE (code), 
	CONSTRAINT ck_plans_price_not_negative CHECK (seat_price_cents >= 0), 
	CONSTRAINT ck_plans_trial_not_negative CHECK (trial_days >= 0)
);
GO

CREATE INDEX ix_plans_row_version ON saas.plans (row_version);
GO

CREATE TRIGGER [saas].[record_delete_plans] ON [saas].[plans] AFTER DELETE AS BEGIN SET NOCOUNT ON; INSERT INTO [saas].[_tombstones] (table_name, key_value, slice) SELECT N'plans', [plan_id], 'all' FROM deleted; END;
GO

execute sp_addextendedproperty 'MS_Description', N'Plans for sale, one row per tier and billing interval', 'schema', saas, 'table', plans;
execute sp_addextendedproperty 'MS_Description', N'Surrogate key', 'schema', saas, 'table', plans, 'column', plan_id;
execute sp_addextendedproperty 'MS_Description', N'Natural key, such as `team_monthly`', 'schema', saas, 'table', plans, 'column', code;
execute sp_addextendedproperty 'MS_Description', N'Name shown on the price page', 'schema', saas, 'table', plans, 'column', name;
execute sp_addextendedproperty 'MS_Description', N'Tier on the price page', 'schema', saas, 'table', plans, 'column', tier;
execute sp_addextendedproperty 'MS_Description', N'Period that one invoice covers', 'schema', saas, 'table', plans, 'column', billing_interval;
execute sp_addextendedproperty 'MS_Description', N'List price of one seat for one billing interval', 'schema', saas, 'table', plans, 'column', seat_price_cents;
execute sp_addextendedproperty 'MS_Description', N'Days of free trial; 0 if the plan has none', 'schema', saas, 'table', plans, 'column', trial_days;
execute sp_addextendedproperty 'MS_Description', N'When the row was created (UTC)', 'schema', saas, 'table', plans, 'column', created_at;
execute sp_addextendedproperty 'MS_Description', N'When the business last changed the row (UTC)', 'schema', saas, 'table', plans, 'column', updated_at;
execute sp_addextendedproperty 'MS_Description', N'Version that the database sets at every write; the sync''s watermark', 'schema', saas, 'table', plans, 'column', row_version;
GO

CREATE TABLE saas.promo_codes (
	promo_code_id BIGINT NOT NULL, 
	code NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	campaign NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	kind VARCHAR(11) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	discount_percent INTEGER NOT NULL, 
	duration_months INTEGER NULL, 
	holdout_percent INTEGER NOT NULL, 
	starts_at DATETIME2(6) NOT NULL, 
	ends_at DATETIME2(6) NOT NULL, 
	created_at DATETIME2(6) NOT NULL, 
	updated_at DATETIME2(6) NOT NULL, 
	row_version ROWVERSION NOT NULL, 
	CONSTRAINT pk_promo_codes PRIMARY KEY (promo_code_id), 
	CONSTRAINT ck_promo_codes_kind_known CHECK (kind IN ('acquisition', 'loyalty')), 
	CONSTRAINT uq_promo_codes_code UNIQUE (code), 
	CONSTRAINT ck_promo_codes_discount_in_range CHECK (discount_percent BETWEEN 1 AND 100), 
	CONSTRAINT ck_promo_codes_duration_positive CHECK (duration_months > 0), 
	CONSTRAINT ck_promo_codes_holdout_in_range CHECK (holdout_percent BETWEEN 0 AND 100), 
	CONSTRAINT ck_promo_codes_ends_after_start CHECK (ends_at > starts_at)
);
GO

CREATE INDEX ix_promo_codes_row_version ON saas.promo_codes (row_version);
GO

CREATE TRIGGER [saas].[record_delete_promo_codes] ON [saas].[promo_codes] AFTER DELETE AS BEGIN SET NOCOUNT ON; INSERT INTO [saas].[_tombstones] (table_name, key_value, slice) SELECT N'promo_codes', [promo_code_id], 'all' FROM deleted; END;
GO

execute sp_addextendedproperty 'MS_Description', N'Promo codes, one for each campaign and year', 'schema', saas, 'table', promo_codes;
execute sp_addextendedproperty 'MS_Description', N'Surrogate key', 'schema', saas, 'table', promo_codes, 'column', promo_code_id;
execute sp_addextendedproperty 'MS_Description', N'Natural key: the code that the customer enters', 'schema', saas, 'table', promo_codes, 'column', code;
execute sp_addextendedproperty 'MS_Description', N'Campaign that issues the code', 'schema', saas, 'table', promo_codes, 'column', campaign;
execute sp_addextendedproperty 'MS_Description', N'Whether the code wins new customers or keeps existing ones', 'schema', saas, 'table', promo_codes, 'column', kind;
execute sp_addextendedproperty 'MS_Description', N'Discount on the seat price in percent, 1 to 100', 'schema', saas, 'table', promo_codes, 'column', discount_percent;
execute sp_addextendedproperty 'MS_Description', N'Months the discount lasts; NULL if it never ends', 'schema', saas, 'table', promo_codes, 'column', duration_months;
execute sp_addextendedproperty 'MS_Description', N'Percentage of eligible accounts held out from the offer at random', 'schema', saas, 'table', promo_codes, 'column', holdout_percent;
execute sp_addextendedproperty 'MS_Description', N'Start of the campaign (UTC)', 'schema', saas, 'table', promo_codes, 'column', starts_at;
execute sp_addextendedproperty 'MS_Description', N'End of the campaign, exclusive (UTC); earlier if the codes run out', 'schema', saas, 'table', promo_codes, 'column', ends_at;
execute sp_addextendedproperty 'MS_Description', N'When the row was created (UTC)', 'schema', saas, 'table', promo_codes, 'column', created_at;
execute sp_addextendedproperty 'MS_Description', N'When the business last changed the row (UTC)', 'schema', saas, 'table', promo_codes, 'column', updated_at;
execute sp_addextendedproperty 'MS_Description', N'Version that the database sets at every write; the sync''s watermark', 'schema', saas, 'table', promo_codes, 'column', row_version;
GO

CREATE TABLE saas.features (
	feature_id BIGINT NOT NULL, 
	code NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	name NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	category VARCHAR(14) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	is_key BIT NOT NULL, 
	released_at DATETIME2(6) NOT NULL, 
	created_at DATETIME2(6) NOT NULL, 
	updated_at DATETIME2(6) NOT NULL, 
	row_version ROWVERSION NOT NULL, 
	CONSTRAINT pk_features PRIMARY KEY (feature_id), 
	CONSTRAINT ck_features_category_known CHECK (category IN ('core', 'collaboration', 'reporting', 'integration', 'administration')), 
	CONSTRAINT uq_features_code UNIQUE (code)
);
GO

CREATE INDEX ix_features_row_version ON saas.features (row_version);
GO

CREATE TRIGGER [saas].[record_delete_features] ON [saas].[features] AFTER DELETE AS BEGIN SET NOCOUNT ON; INSERT INTO [saas].[_tombstones] (table_name, key_value, slice) SELECT N'features', [feature_id], 'all' FROM deleted; END;
GO

execute sp_addextendedproperty 'MS_Description', N'Product features that usage events refer to', 'schema', saas, 'table', features;
execute sp_addextendedproperty 'MS_Description', N'Surrogate key', 'schema', saas, 'table', features, 'column', feature_id;
execute sp_addextendedproperty 'MS_Description', N'Natural key', 'schema', saas, 'table', features, 'column', code;
execute sp_addextendedproperty 'MS_Description', N'Name in the product', 'schema', saas, 'table', features, 'column', name;
execute sp_addextendedproperty 'MS_Description', N'Area of the product', 'schema', saas, 'table', features, 'column', category;
execute sp_addextendedproperty 'MS_Description', N'Whether the first use of the feature is the activation event', 'schema', saas, 'table', features, 'column', is_key;
execute sp_addextendedproperty 'MS_Description', N'When the feature was released to customers (UTC)', 'schema', saas, 'table', features, 'column', released_at;
execute sp_addextendedproperty 'MS_Description', N'When the row was created (UTC)', 'schema', saas, 'table', features, 'column', created_at;
execute sp_addextendedproperty 'MS_Description', N'When the business last changed the row (UTC)', 'schema', saas, 'table', features, 'column', updated_at;
execute sp_addextendedproperty 'MS_Description', N'Version that the database sets at every write; the sync''s watermark', 'schema', saas, 'table', features, 'column', row_version;
GO

CREATE TABLE saas.accounts (
	account_id BIGINT NOT NULL, 
	name NVARCHAR(120) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	domain NVARCHAR(120) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	industry VARCHAR(13) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	segment VARCHAR(10) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	employee_count INTEGER NOT NULL, 
	country VARCHAR(2) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	language VARCHAR(2) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	acquisition_channel VARCHAR(11) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	signed_up_at DATETIME2(6) NOT NULL, 
	created_at DATETIME2(6) NOT NULL, 
	updated_at DATETIME2(6) NOT NULL, 
	row_version ROWVERSION NOT NULL, 
	CONSTRAINT pk_accounts PRIMARY KEY (account_id), 
	CONSTRAINT ck_accounts_industry_known CHECK (industry IN ('software', 'finance', 'health', 'retail', 'manufacturing', 'education', 'media', 'logistics', 'consulting', 'public')), 
	CONSTRAINT ck_accounts_segment_known CHECK (segment IN ('smb', 'mid_market', 'enterprise')), 
	CONSTRAINT ck_accounts_country_known CHECK (country IN ('US', 'GB', 'DE', 'FR', 'NL', 'ES', 'SE', 'CA', 'AU', 'BR', 'IN', 'JP')), 
	CONSTRAINT ck_accounts_language_known CHECK (language IN ('en', 'de', 'fr', 'nl', 'es', 'sv', 'pt', 'ja')), 
	CONSTRAINT ck_accounts_acquisition_channel_known CHECK (acquisition_channel IN ('organic', 'paid_search', 'paid_social', 'referral', 'partner', 'outbound')), 
	CONSTRAINT uq_accounts_domain UNIQUE (domain), 
	CONSTRAINT ck_accounts_employees_positive CHECK (employee_count > 0)
);
GO

CREATE INDEX ix_accounts_row_version ON saas.accounts (row_version) INCLUDE (created_at);
GO

CREATE TRIGGER [saas].[record_delete_accounts] ON [saas].[accounts] AFTER DELETE AS BEGIN SET NOCOUNT ON; INSERT INTO [saas].[_tombstones] (table_name, key_value, slice) SELECT N'accounts', [account_id], CONVERT(VARCHAR(7), [created_at], 23) FROM deleted; END;
GO

execute sp_addextendedproperty 'MS_Description', N'Customer companies, one row per signup', 'schema', saas, 'table', accounts;
execute sp_addextendedproperty 'MS_Description', N'Surrogate key: year and month of signup plus a running number', 'schema', saas, 'table', accounts, 'column', account_id;
execute sp_addextendedproperty 'MS_Description', N'Company name', 'schema', saas, 'table', accounts, 'column', name;
execute sp_addextendedproperty 'MS_Description', N'Natural key: the company''s internet domain', 'schema', saas, 'table', accounts, 'column', domain;
execute sp_addextendedproperty 'MS_Description', N'Industry the company works in', 'schema', saas, 'table', accounts, 'column', industry;
execute sp_addextendedproperty 'MS_Description', N'Size class of the company, as given at signup', 'schema', saas, 'table', accounts, 'column', segment;
execute sp_addextendedproperty 'MS_Description', N'Number of employees, as given at signup', 'schema', saas, 'table', accounts, 'column', employee_count;
execute sp_addextendedproperty 'MS_Description', N'Country of the headquarters (ISO 3166-1 alpha-2 code)', 'schema', saas, 'table', accounts, 'column', country;
execute sp_addextendedproperty 'MS_Description', N'Language chosen at signup (ISO 639-1 code)', 'schema', saas, 'table', accounts, 'column', language;
execute sp_addextendedproperty 'MS_Description', N'Channel through which the account signed up', 'schema', saas, 'table', accounts, 'column', acquisition_channel;
execute sp_addextendedproperty 'MS_Description', N'When the account was opened (UTC)', 'schema', saas, 'table', accounts, 'column', signed_up_at;
execute sp_addextendedproperty 'MS_Description', N'When the row was created (UTC)', 'schema', saas, 'table', accounts, 'column', created_at;
execute sp_addextendedproperty 'MS_Description', N'When the business last changed the row (UTC)', 'schema', saas, 'table', accounts, 'column', updated_at;
execute sp_addextendedproperty 'MS_Description', N'Version that the database sets at every write; the sync''s watermark', 'schema', saas, 'table', accounts, 'column', row_version;
GO

CREATE TABLE saas.users (
	user_id BIGINT NOT NULL, 
	account_id BIGINT NOT NULL, 
	email NVARCHAR(254) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	full_name NVARCHAR(120) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	role VARCHAR(6) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	device VARCHAR(7) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	deactivated_at DATETIME2(6) NULL, 
	created_at DATETIME2(6) NOT NULL, 
	updated_at DATETIME2(6) NOT NULL, 
	row_version ROWVERSION NOT NULL, 
	CONSTRAINT pk_users PRIMARY KEY (user_id), 
	CONSTRAINT ck_users_role_known CHECK (role IN ('owner', 'admin', 'member', 'viewer')), 
	CONSTRAINT ck_users_device_known CHECK (device IN ('desktop', 'mobile', 'tablet')), 
	CONSTRAINT uq_users_email UNIQUE (email), 
	CONSTRAINT fk_users_account_id FOREIGN KEY(account_id) REFERENCES saas.accounts (account_id)
);
GO

CREATE INDEX ix_users_account_id ON saas.users (account_id);
GO

CREATE INDEX ix_users_row_version ON saas.users (row_version) INCLUDE (created_at);
GO

CREATE TRIGGER [saas].[record_delete_users] ON [saas].[users] AFTER DELETE AS BEGIN SET NOCOUNT ON; INSERT INTO [saas].[_tombstones] (table_name, key_value, slice) SELECT N'users', [user_id], CONVERT(VARCHAR(7), [created_at], 23) FROM deleted; END;
GO

execute sp_addextendedproperty 'MS_Description', N'Users with a login; an erasure request (GDPR) deletes the user''s row', 'schema', saas, 'table', users;
execute sp_addextendedproperty 'MS_Description', N'Surrogate key: the account''s key plus a running number', 'schema', saas, 'table', users, 'column', user_id;
execute sp_addextendedproperty 'MS_Description', N'Account that the user belongs to', 'schema', saas, 'table', users, 'column', account_id;
execute sp_addextendedproperty 'MS_Description', N'Natural key: email address used to log in', 'schema', saas, 'table', users, 'column', email;
execute sp_addextendedproperty 'MS_Description', N'Full name of the user', 'schema', saas, 'table', users, 'column', full_name;
execute sp_addextendedproperty 'MS_Description', N'Role that sets what the user may do in the account', 'schema', saas, 'table', users, 'column', role;
execute sp_addextendedproperty 'MS_Description', N'Device that the user mostly works on', 'schema', saas, 'table', users, 'column', device;
execute sp_addextendedproperty 'MS_Description', N'When the seat was removed (UTC); NULL if it was not', 'schema', saas, 'table', users, 'column', deactivated_at;
execute sp_addextendedproperty 'MS_Description', N'When the row was created (UTC)', 'schema', saas, 'table', users, 'column', created_at;
execute sp_addextendedproperty 'MS_Description', N'When the business last changed the row (UTC)', 'schema', saas, 'table', users, 'column', updated_at;
execute sp_addextendedproperty 'MS_Description', N'Version that the database sets at every write; the sync''s watermark', 'schema', saas, 'table', users, 'column', row_version;
GO

CREATE TABLE saas.subscriptions (
	subscription_id BIGINT NOT NULL, 
	account_id BIGINT NOT NULL, 
	plan_id BIGINT NOT NULL, 
	promo_code_id BIGINT NULL, 
	status VARCHAR(8) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	seats INTEGER NOT NULL, 
	unit_price_cents BIGINT NOT NULL, 
	discount_percent INTEGER NOT NULL, 
	payment_method VARCHAR(13) COLLATE Latin1_General_100_BIN2 NULL, 
	trial_started_at DATETIME2(6) NULL, 
	trial_ends_at DATETIME2(6) NULL, 
	trial_with_card BIT NOT NULL, 
	activated_at DATETIME2(6) NULL, 
	current_period_start DATETIME2(6) NULL, 
	current_period_end DATETIME2(6) NULL, 
	cancel_requested_at DATETIME2(6) NULL, 
	ended_at DATETIME2(6) NULL, 
	cancellation_kind VARCHAR(11) COLLATE Latin1_General_100_BIN2 NULL, 
	cancellation_reason VARCHAR(16) COLLATE Latin1_General_100_BIN2 NULL, 
	created_at DATETIME2(6) NOT NULL, 
	updated_at DATETIME2(6) NOT NULL, 
	row_version ROWVERSION NOT NULL, 
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
	CONSTRAINT fk_subscriptions_account_id FOREIGN KEY(account_id) REFERENCES saas.accounts (account_id), 
	CONSTRAINT fk_subscriptions_plan_id FOREIGN KEY(plan_id) REFERENCES saas.plans (plan_id), 
	CONSTRAINT fk_subscriptions_promo_code_id FOREIGN KEY(promo_code_id) REFERENCES saas.promo_codes (promo_code_id)
);
GO

CREATE INDEX ix_subscriptions_account_id ON saas.subscriptions (account_id);
GO

CREATE INDEX ix_subscriptions_row_version ON saas.subscriptions (row_version) INCLUDE (created_at);
GO

CREATE TRIGGER [saas].[record_delete_subscriptions] ON [saas].[subscriptions] AFTER DELETE AS BEGIN SET NOCOUNT ON; INSERT INTO [saas].[_tombstones] (table_name, key_value, slice) SELECT N'subscriptions', [subscription_id], CONVERT(VARCHAR(7), [created_at], 23) FROM deleted; END;
GO

execute sp_addextendedproperty 'MS_Description', N'Subscriptions and trials in their current state; an account that returns gets a new row', 'schema', saas, 'table', subscriptions;
execute sp_addextendedproperty 'MS_Description', N'Surrogate key: the account''s key plus a running number', 'schema', saas, 'table', subscriptions, 'column', subscription_id;
execute sp_addextendedproperty 'MS_Description', N'Account that pays', 'schema', saas, 'table', subscriptions, 'column', account_id;
execute sp_addextendedproperty 'MS_Description', N'Current plan, or the last one of an ended subscription', 'schema', saas, 'table', subscriptions, 'column', plan_id;
execute sp_addextendedproperty 'MS_Description', N'Promo code in force', 'schema', saas, 'table', subscriptions, 'column', promo_code_id;
execute sp_addextendedproperty 'MS_Description', N'Current status of the subscription', 'schema', saas, 'table', subscriptions, 'column', status;
execute sp_addextendedproperty 'MS_Description', N'Number of seats paid for', 'schema', saas, 'table', subscriptions, 'column', seats;
execute sp_addextendedproperty 'MS_Description', N'Agreed price of one seat for one billing interval, before discount', 'schema', saas, 'table', subscriptions, 'column', unit_price_cents;
execute sp_addextendedproperty 'MS_Description', N'Discount in force in percent, 0 to 100', 'schema', saas, 'table', subscriptions, 'column', discount_percent;
execute sp_addextendedproperty 'MS_Description', N'Payment method; NULL until given', 'schema', saas, 'table', subscriptions, 'column', payment_method;
execute sp_addextendedproperty 'MS_Description', N'Start of the trial (UTC); NULL if there is none', 'schema', saas, 'table', subscriptions, 'column', trial_started_at;
execute sp_addextendedproperty 'MS_Description', N'End of the trial (UTC); NULL if there is none', 'schema', saas, 'table', subscriptions, 'column', trial_ends_at;
execute sp_addextendedproperty 'MS_Description', N'Whether the trial required a card', 'schema', saas, 'table', subscriptions, 'column', trial_with_card;
execute sp_addextendedproperty 'MS_Description', N'Start of the first paid period (UTC); NULL if none', 'schema', saas, 'table', subscriptions, 'column', activated_at;
execute sp_addextendedproperty 'MS_Description', N'Start of the billing period (UTC)', 'schema', saas, 'table', subscriptions, 'column', current_period_start;
execute sp_addextendedproperty 'MS_Description', N'End of the billing period, exclusive (UTC)', 'schema', saas, 'table', subscriptions, 'column', current_period_end;
execute sp_addextendedproperty 'MS_Description', N'When the customer asked to cancel (UTC)', 'schema', saas, 'table', subscriptions, 'column', cancel_requested_at;
execute sp_addextendedproperty 'MS_Description', N'When the subscription ended (UTC); NULL if it has not', 'schema', saas, 'table', subscriptions, 'column', ended_at;
execute sp_addextendedproperty 'MS_Description', N'Who ended the paid subscription; NULL if nobody did', 'schema', saas, 'table', subscriptions, 'column', cancellation_kind;
execute sp_addextendedproperty 'MS_Description', N'Why it was ended', 'schema', saas, 'table', subscriptions, 'column', cancellation_reason;
execute sp_addextendedproperty 'MS_Description', N'When the row was created (UTC)', 'schema', saas, 'table', subscriptions, 'column', created_at;
execute sp_addextendedproperty 'MS_Description', N'When the business last changed the row (UTC)', 'schema', saas, 'table', subscriptions, 'column', updated_at;
execute sp_addextendedproperty 'MS_Description', N'Version that the database sets at every write; the sync''s watermark', 'schema', saas, 'table', subscriptions, 'column', row_version;
GO

CREATE TABLE saas.subscription_changes (
	change_id BIGINT NOT NULL, 
	subscription_id BIGINT NOT NULL, 
	change_no INTEGER NOT NULL, 
	kind VARCHAR(17) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	effective_at DATETIME2(6) NOT NULL, 
	status VARCHAR(8) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	plan_id BIGINT NOT NULL, 
	seats INTEGER NOT NULL, 
	unit_price_cents BIGINT NOT NULL, 
	discount_percent INTEGER NOT NULL, 
	created_at DATETIME2(6) NOT NULL, 
	updated_at DATETIME2(6) NOT NULL, 
	row_version ROWVERSION NOT NULL, 
	CONSTRAINT pk_subscription_changes PRIMARY KEY (change_id), 
	CONSTRAINT ck_subscription_changes_kind_known CHECK (kind IN ('trial_started', 'activated', 'reactivated', 'plan_changed', 'seats_changed', 'discount_started', 'discount_ended', 'price_changed', 'payment_failed', 'payment_recovered', 'paused', 'resumed', 'canceled', 'trial_expired')), 
	CONSTRAINT ck_subscription_changes_status_known CHECK (status IN ('trialing', 'active', 'past_due', 'paused', 'canceled', 'expired')), 
	CONSTRAINT uq_subscription_changes_subscription_id_change_no UNIQUE (subscription_id, change_no), 
	CONSTRAINT ck_subscription_changes_seats_positive CHECK (seats > 0), 
	CONSTRAINT ck_subscription_changes_price_not_negative CHECK (unit_price_cents >= 0), 
	CONSTRAINT ck_subscription_changes_discount_in_range CHECK (discount_percent BETWEEN 0 AND 100), 
	CONSTRAINT fk_subscription_changes_subscription_id FOREIGN KEY(subscription_id) REFERENCES saas.subscriptions (subscription_id), 
	CONSTRAINT fk_subscription_changes_plan_id FOREIGN KEY(plan_id) REFERENCES saas.plans (plan_id)
);
GO

CREATE INDEX ix_subscription_changes_row_version ON saas.subscription_changes (row_version) INCLUDE (created_at);
GO

CREATE TRIGGER [saas].[record_delete_subscription_changes] ON [saas].[subscription_changes] AFTER DELETE AS BEGIN SET NOCOUNT ON; INSERT INTO [saas].[_tombstones] (table_name, key_value, slice) SELECT N'subscription_changes', [change_id], CONVERT(VARCHAR(7), [created_at], 23) FROM deleted; END;
GO

execute sp_addextendedproperty 'MS_Description', N'History of each subscription: its full commercial state after each change', 'schema', saas, 'table', subscription_changes;
execute sp_addextendedproperty 'MS_Description', N'Surrogate key: the subscription''s key plus a running number', 'schema', saas, 'table', subscription_changes, 'column', change_id;
execute sp_addextendedproperty 'MS_Description', N'Subscription that changed', 'schema', saas, 'table', subscription_changes, 'column', subscription_id;
execute sp_addextendedproperty 'MS_Description', N'Natural key within the subscription: 1, 2, 3 ... in order of effect', 'schema', saas, 'table', subscription_changes, 'column', change_no;
execute sp_addextendedproperty 'MS_Description', N'Kind of change', 'schema', saas, 'table', subscription_changes, 'column', kind;
execute sp_addextendedproperty 'MS_Description', N'When the change takes effect (UTC)', 'schema', saas, 'table', subscription_changes, 'column', effective_at;
execute sp_addextendedproperty 'MS_Description', N'Status after the change', 'schema', saas, 'table', subscription_changes, 'column', status;
execute sp_addextendedproperty 'MS_Description', N'Plan after the change', 'schema', saas, 'table', subscription_changes, 'column', plan_id;
execute sp_addextendedproperty 'MS_Description', N'Number of seats after the change', 'schema', saas, 'table', subscription_changes, 'column', seats;
execute sp_addextendedproperty 'MS_Description', N'Price of one seat for one billing interval after the change, before discount', 'schema', saas, 'table', subscription_changes, 'column', unit_price_cents;
execute sp_addextendedproperty 'MS_Description', N'Discount in percent after the change, 0 to 100', 'schema', saas, 'table', subscription_changes, 'column', discount_percent;
execute sp_addextendedproperty 'MS_Description', N'When the row was created (UTC)', 'schema', saas, 'table', subscription_changes, 'column', created_at;
execute sp_addextendedproperty 'MS_Description', N'When the business last changed the row (UTC)', 'schema', saas, 'table', subscription_changes, 'column', updated_at;
execute sp_addextendedproperty 'MS_Description', N'Version that the database sets at every write; the sync''s watermark', 'schema', saas, 'table', subscription_changes, 'column', row_version;
GO

CREATE TABLE saas.invoices (
	invoice_id BIGINT NOT NULL, 
	subscription_id BIGINT NOT NULL, 
	number NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	status VARCHAR(13) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	issued_at DATETIME2(6) NOT NULL, 
	due_at DATETIME2(6) NOT NULL, 
	period_start DATETIME2(6) NOT NULL, 
	period_end DATETIME2(6) NOT NULL, 
	subtotal_cents BIGINT NOT NULL, 
	discount_cents BIGINT NOT NULL, 
	tax_cents BIGINT NOT NULL, 
	total_cents BIGINT NOT NULL, 
	paid_at DATETIME2(6) NULL, 
	created_at DATETIME2(6) NOT NULL, 
	updated_at DATETIME2(6) NOT NULL, 
	row_version ROWVERSION NOT NULL, 
	CONSTRAINT pk_invoices PRIMARY KEY (invoice_id), 
	CONSTRAINT ck_invoices_status_known CHECK (status IN ('open', 'paid', 'uncollectible', 'void')), 
	CONSTRAINT uq_invoices_number UNIQUE (number), 
	CONSTRAINT ck_invoices_period_in_order CHECK (period_end > period_start), 
	CONSTRAINT ck_invoices_adds_up CHECK (total_cents = subtotal_cents - discount_cents + tax_cents), 
	CONSTRAINT ck_invoices_discount_not_negative CHECK (discount_cents >= 0), 
	CONSTRAINT ck_invoices_tax_not_negative CHECK (tax_cents >= 0), 
	CONSTRAINT fk_invoices_subscription_id FOREIGN KEY(subscription_id) REFERENCES saas.subscriptions (subscription_id)
);
GO

CREATE INDEX ix_invoices_row_version ON saas.invoices (row_version) INCLUDE (created_at);
GO

CREATE INDEX ix_invoices_subscription_id ON saas.invoices (subscription_id);
GO

CREATE TRIGGER [saas].[record_delete_invoices] ON [saas].[invoices] AFTER DELETE AS BEGIN SET NOCOUNT ON; INSERT INTO [saas].[_tombstones] (table_name, key_value, slice) SELECT N'invoices', [invoice_id], CONVERT(VARCHAR(7), [created_at], 23) FROM deleted; END;
GO

execute sp_addextendedproperty 'MS_Description', N'Invoices, one row per billing period or mid-period upgrade', 'schema', saas, 'table', invoices;
execute sp_addextendedproperty 'MS_Description', N'Surrogate key: the subscription''s key plus a running number', 'schema', saas, 'table', invoices, 'column', invoice_id;
execute sp_addextendedproperty 'MS_Description', N'Subscription that is billed', 'schema', saas, 'table', invoices, 'column', subscription_id;
execute sp_addextendedproperty 'MS_Description', N'Natural key: the number printed on the invoice', 'schema', saas, 'table', invoices, 'column', number;
execute sp_addextendedproperty 'MS_Description', N'Payment status of the invoice', 'schema', saas, 'table', invoices, 'column', status;
execute sp_addextendedproperty 'MS_Description', N'When the invoice was sent (UTC)', 'schema', saas, 'table', invoices, 'column', issued_at;
execute sp_addextendedproperty 'MS_Description', N'When the invoice is due (UTC)', 'schema', saas, 'table', invoices, 'column', due_at;
execute sp_addextendedproperty 'MS_Description', N'Start of the period that the invoice covers (UTC)', 'schema', saas, 'table', invoices, 'column', period_start;
execute sp_addextendedproperty 'MS_Description', N'End of the period that the invoice covers, exclusive (UTC)', 'schema', saas, 'table', invoices, 'column', period_end;
execute sp_addextendedproperty 'MS_Description', N'Sum of the invoice items', 'schema', saas, 'table', invoices, 'column', subtotal_cents;
execute sp_addextendedproperty 'MS_Description', N'Discount from a promo code', 'schema', saas, 'table', invoices, 'column', discount_cents;
execute sp_addextendedproperty 'MS_Description', N'Tax on the subtotal after the discount', 'schema', saas, 'table', invoices, 'column', tax_cents;
execute sp_addextendedproperty 'MS_Description', N'subtotal - discount + tax', 'schema', saas, 'table', invoices, 'column', total_cents;
execute sp_addextendedproperty 'MS_Description', N'When the invoice was paid in full (UTC); NULL if it was not', 'schema', saas, 'table', invoices, 'column', paid_at;
execute sp_addextendedproperty 'MS_Description', N'When the row was created (UTC)', 'schema', saas, 'table', invoices, 'column', created_at;
execute sp_addextendedproperty 'MS_Description', N'When the business last changed the row (UTC)', 'schema', saas, 'table', invoices, 'column', updated_at;
execute sp_addextendedproperty 'MS_Description', N'Version that the database sets at every write; the sync''s watermark', 'schema', saas, 'table', invoices, 'column', row_version;
GO

CREATE TABLE saas.invoice_items (
	invoice_item_id BIGINT NOT NULL, 
	invoice_id BIGINT NOT NULL, 
	line_no INTEGER NOT NULL, 
	kind VARCHAR(9) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	plan_id BIGINT NOT NULL, 
	quantity INTEGER NOT NULL, 
	unit_price_cents BIGINT NOT NULL, 
	amount_cents BIGINT NOT NULL, 
	created_at DATETIME2(6) NOT NULL, 
	updated_at DATETIME2(6) NOT NULL, 
	row_version ROWVERSION NOT NULL, 
	CONSTRAINT pk_invoice_items PRIMARY KEY (invoice_item_id), 
	CONSTRAINT ck_invoice_items_kind_known CHECK (kind IN ('seats', 'proration', 'credit')), 
	CONSTRAINT uq_invoice_items_invoice_id_line_no UNIQUE (invoice_id, line_no), 
	CONSTRAINT ck_invoice_items_quantity_positive CHECK (quantity > 0), 
	CONSTRAINT ck_invoice_items_adds_up CHECK (amount_cents = quantity * unit_price_cents), 
	CONSTRAINT fk_invoice_items_invoice_id FOREIGN KEY(invoice_id) REFERENCES saas.invoices (invoice_id), 
	CONSTRAINT fk_invoice_items_plan_id FOREIGN KEY(plan_id) REFERENCES saas.plans (plan_id)
);
GO

CREATE INDEX ix_invoice_items_row_version ON saas.invoice_items (row_version) INCLUDE (created_at);
GO

CREATE TRIGGER [saas].[record_delete_invoice_items] ON [saas].[invoice_items] AFTER DELETE AS BEGIN SET NOCOUNT ON; INSERT INTO [saas].[_tombstones] (table_name, key_value, slice) SELECT N'invoice_items', [invoice_item_id], CONVERT(VARCHAR(7), [created_at], 23) FROM deleted; END;
GO

execute sp_addextendedproperty 'MS_Description', N'Invoice lines', 'schema', saas, 'table', invoice_items;
execute sp_addextendedproperty 'MS_Description', N'Surrogate key: the invoice''s key, then the line number', 'schema', saas, 'table', invoice_items, 'column', invoice_item_id;
execute sp_addextendedproperty 'MS_Description', N'Invoice that the line belongs to', 'schema', saas, 'table', invoice_items, 'column', invoice_id;
execute sp_addextendedproperty 'MS_Description', N'Natural key within the invoice: 1, 2, 3 ...', 'schema', saas, 'table', invoice_items, 'column', line_no;
execute sp_addextendedproperty 'MS_Description', N'What the line charges for', 'schema', saas, 'table', invoice_items, 'column', kind;
execute sp_addextendedproperty 'MS_Description', N'Plan that the line charges for', 'schema', saas, 'table', invoice_items, 'column', plan_id;
execute sp_addextendedproperty 'MS_Description', N'Number of seats', 'schema', saas, 'table', invoice_items, 'column', quantity;
execute sp_addextendedproperty 'MS_Description', N'Price of one seat for the period that the line covers; negative for a credit', 'schema', saas, 'table', invoice_items, 'column', unit_price_cents;
execute sp_addextendedproperty 'MS_Description', N'quantity x unit price', 'schema', saas, 'table', invoice_items, 'column', amount_cents;
execute sp_addextendedproperty 'MS_Description', N'When the row was created (UTC)', 'schema', saas, 'table', invoice_items, 'column', created_at;
execute sp_addextendedproperty 'MS_Description', N'When the business last changed the row (UTC)', 'schema', saas, 'table', invoice_items, 'column', updated_at;
execute sp_addextendedproperty 'MS_Description', N'Version that the database sets at every write; the sync''s watermark', 'schema', saas, 'table', invoice_items, 'column', row_version;
GO

CREATE TABLE saas.payments (
	payment_id BIGINT NOT NULL, 
	invoice_id BIGINT NOT NULL, 
	attempt_no INTEGER NOT NULL, 
	kind VARCHAR(6) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	method VARCHAR(13) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	status VARCHAR(9) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	failure_code VARCHAR(18) COLLATE Latin1_General_100_BIN2 NULL, 
	amount_cents BIGINT NOT NULL, 
	attempted_at DATETIME2(6) NOT NULL, 
	created_at DATETIME2(6) NOT NULL, 
	updated_at DATETIME2(6) NOT NULL, 
	row_version ROWVERSION NOT NULL, 
	CONSTRAINT pk_payments PRIMARY KEY (payment_id), 
	CONSTRAINT ck_payments_kind_known CHECK (kind IN ('charge', 'refund')), 
	CONSTRAINT ck_payments_method_known CHECK (method IN ('card', 'direct_debit', 'bank_transfer')), 
	CONSTRAINT ck_payments_status_known CHECK (status IN ('succeeded', 'failed')), 
	CONSTRAINT ck_payments_failure_code_known CHECK (failure_code IN ('insufficient_funds', 'card_declined', 'expired_card', 'do_not_honor', 'processing_error')), 
	CONSTRAINT uq_payments_invoice_id_attempt_no UNIQUE (invoice_id, attempt_no), 
	CONSTRAINT ck_payments_amount_not_negative CHECK (amount_cents >= 0), 
	CONSTRAINT ck_payments_failure_explained CHECK ((status = 'failed' AND failure_code IS NOT NULL) OR (status <> 'failed' AND failure_code IS NULL)), 
	CONSTRAINT fk_payments_invoice_id FOREIGN KEY(invoice_id) REFERENCES saas.invoices (invoice_id)
);
GO

CREATE INDEX ix_payments_row_version ON saas.payments (row_version) INCLUDE (created_at);
GO

CREATE TRIGGER [saas].[record_delete_payments] ON [saas].[payments] AFTER DELETE AS BEGIN SET NOCOUNT ON; INSERT INTO [saas].[_tombstones] (table_name, key_value, slice) SELECT N'payments', [payment_id], CONVERT(VARCHAR(7), [created_at], 23) FROM deleted; END;
GO

execute sp_addextendedproperty 'MS_Description', N'Attempts to collect an invoice, and refunds', 'schema', saas, 'table', payments;
execute sp_addextendedproperty 'MS_Description', N'Surrogate key: the invoice''s key plus a running number', 'schema', saas, 'table', payments, 'column', payment_id;
execute sp_addextendedproperty 'MS_Description', N'Invoice that is paid or refunded', 'schema', saas, 'table', payments, 'column', invoice_id;
execute sp_addextendedproperty 'MS_Description', N'Natural key within the invoice: 1, 2, 3 ...', 'schema', saas, 'table', payments, 'column', attempt_no;
execute sp_addextendedproperty 'MS_Description', N'Charge or refund', 'schema', saas, 'table', payments, 'column', kind;
execute sp_addextendedproperty 'MS_Description', N'Payment method', 'schema', saas, 'table', payments, 'column', method;
execute sp_addextendedproperty 'MS_Description', N'Outcome of the attempt', 'schema', saas, 'table', payments, 'column', status;
execute sp_addextendedproperty 'MS_Description', N'Why it failed; NULL if it did not', 'schema', saas, 'table', payments, 'column', failure_code;
execute sp_addextendedproperty 'MS_Description', N'Amount moved or attempted, never negative', 'schema', saas, 'table', payments, 'column', amount_cents;
execute sp_addextendedproperty 'MS_Description', N'When the attempt was made (UTC)', 'schema', saas, 'table', payments, 'column', attempted_at;
execute sp_addextendedproperty 'MS_Description', N'When the row was created (UTC)', 'schema', saas, 'table', payments, 'column', created_at;
execute sp_addextendedproperty 'MS_Description', N'When the business last changed the row (UTC)', 'schema', saas, 'table', payments, 'column', updated_at;
execute sp_addextendedproperty 'MS_Description', N'Version that the database sets at every write; the sync''s watermark', 'schema', saas, 'table', payments, 'column', row_version;
GO

CREATE TABLE saas.promo_redemptions (
	promo_redemption_id BIGINT NOT NULL, 
	promo_code_id BIGINT NOT NULL, 
	account_id BIGINT NOT NULL, 
	arm VARCHAR(7) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	assigned_at DATETIME2(6) NOT NULL, 
	redeemed_at DATETIME2(6) NULL, 
	subscription_id BIGINT NULL, 
	created_at DATETIME2(6) NOT NULL, 
	updated_at DATETIME2(6) NOT NULL, 
	row_version ROWVERSION NOT NULL, 
	CONSTRAINT pk_promo_redemptions PRIMARY KEY (promo_redemption_id), 
	CONSTRAINT ck_promo_redemptions_arm_known CHECK (arm IN ('treated', 'holdout')), 
	CONSTRAINT uq_promo_redemptions_promo_code_id_account_id UNIQUE (promo_code_id, account_id), 
	CONSTRAINT ck_promo_redemptions_holdout_never_redeems CHECK (arm = 'treated' OR redeemed_at IS NULL), 
	CONSTRAINT ck_promo_redemptions_redeemed_on_subscription CHECK ((redeemed_at IS NULL AND subscription_id IS NULL) OR (redeemed_at IS NOT NULL AND subscription_id IS NOT NULL)), 
	CONSTRAINT fk_promo_redemptions_promo_code_id FOREIGN KEY(promo_code_id) REFERENCES saas.promo_codes (promo_code_id), 
	CONSTRAINT fk_promo_redemptions_account_id FOREIGN KEY(account_id) REFERENCES saas.accounts (account_id), 
	CONSTRAINT fk_promo_redemptions_subscription_id FOREIGN KEY(subscription_id) REFERENCES saas.subscriptions (subscription_id)
);
GO

CREATE INDEX ix_promo_redemptions_account_id ON saas.promo_redemptions (account_id);
GO

CREATE INDEX ix_promo_redemptions_row_version ON saas.promo_redemptions (row_version) INCLUDE (created_at);
GO

CREATE TRIGGER [saas].[record_delete_promo_redemptions] ON [saas].[promo_redemptions] AFTER DELETE AS BEGIN SET NOCOUNT ON; INSERT INTO [saas].[_tombstones] (table_name, key_value, slice) SELECT N'promo_redemptions', [promo_redemption_id], CONVERT(VARCHAR(7), [created_at], 23) FROM deleted; END;
GO

execute sp_addextendedproperty 'MS_Description', N'Accounts eligible for a campaign: treated or held out at random, and whether they used the code', 'schema', saas, 'table', promo_redemptions;
execute sp_addextendedproperty 'MS_Description', N'Surrogate key: the account''s key, then the promo code''s key', 'schema', saas, 'table', promo_redemptions, 'column', promo_redemption_id;
execute sp_addextendedproperty 'MS_Description', N'Code that was offered or held back', 'schema', saas, 'table', promo_redemptions, 'column', promo_code_id;
execute sp_addextendedproperty 'MS_Description', N'Account that was eligible', 'schema', saas, 'table', promo_redemptions, 'column', account_id;
execute sp_addextendedproperty 'MS_Description', N'Whether the account was offered the code or held out at random', 'schema', saas, 'table', promo_redemptions, 'column', arm;
execute sp_addextendedproperty 'MS_Description', N'When the account was assigned to its arm (UTC)', 'schema', saas, 'table', promo_redemptions, 'column', assigned_at;
execute sp_addextendedproperty 'MS_Description', N'When the code was used (UTC); NULL if it was not', 'schema', saas, 'table', promo_redemptions, 'column', redeemed_at;
execute sp_addextendedproperty 'MS_Description', N'Subscription that the code was used on; NULL if it was not used', 'schema', saas, 'table', promo_redemptions, 'column', subscription_id;
execute sp_addextendedproperty 'MS_Description', N'When the row was created (UTC)', 'schema', saas, 'table', promo_redemptions, 'column', created_at;
execute sp_addextendedproperty 'MS_Description', N'When the business last changed the row (UTC)', 'schema', saas, 'table', promo_redemptions, 'column', updated_at;
execute sp_addextendedproperty 'MS_Description', N'Version that the database sets at every write; the sync''s watermark', 'schema', saas, 'table', promo_redemptions, 'column', row_version;
GO

CREATE TABLE saas.usage_events (
	event_id BIGINT NOT NULL, 
	occurred_at DATETIME2(6) NOT NULL, 
	account_id BIGINT NOT NULL, 
	user_id BIGINT NULL, 
	event_type VARCHAR(11) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	feature_id BIGINT NULL, 
	row_version ROWVERSION NOT NULL, 
	CONSTRAINT pk_usage_events PRIMARY KEY (event_id), 
	CONSTRAINT ck_usage_events_event_type_known CHECK (event_type IN ('login', 'feature_use')), 
	CONSTRAINT ck_usage_events_feature_named CHECK ((event_type = 'login' AND feature_id IS NULL) OR (event_type = 'feature_use' AND feature_id IS NOT NULL)), 
	CONSTRAINT fk_usage_events_account_id FOREIGN KEY(account_id) REFERENCES saas.accounts (account_id), 
	CONSTRAINT fk_usage_events_user_id FOREIGN KEY(user_id) REFERENCES saas.users (user_id) ON DELETE SET NULL, 
	CONSTRAINT fk_usage_events_feature_id FOREIGN KEY(feature_id) REFERENCES saas.features (feature_id)
);
GO

CREATE INDEX ix_usage_events_occurred_at ON saas.usage_events (occurred_at);
GO

CREATE INDEX ix_usage_events_row_version ON saas.usage_events (row_version) INCLUDE (occurred_at);
GO

CREATE INDEX ix_usage_events_user_id ON saas.usage_events (user_id) WHERE user_id IS NOT NULL;
GO

CREATE TRIGGER [saas].[record_delete_usage_events] ON [saas].[usage_events] AFTER DELETE AS BEGIN SET NOCOUNT ON; INSERT INTO [saas].[_tombstones] (table_name, key_value, slice) SELECT N'usage_events', [event_id], CONVERT(VARCHAR(10), [occurred_at], 23) FROM deleted; END;
GO

execute sp_addextendedproperty 'MS_Description', N'Product events: logins and feature use; append-only except for erasures', 'schema', saas, 'table', usage_events;
execute sp_addextendedproperty 'MS_Description', N'Surrogate key: calendar month, account and a running number', 'schema', saas, 'table', usage_events, 'column', event_id;
execute sp_addextendedproperty 'MS_Description', N'When the event happened (UTC)', 'schema', saas, 'table', usage_events, 'column', occurred_at;
execute sp_addextendedproperty 'MS_Description', N'Account that the user belonged to', 'schema', saas, 'table', usage_events, 'column', account_id;
execute sp_addextendedproperty 'MS_Description', N'User who acted; NULL if erased on request', 'schema', saas, 'table', usage_events, 'column', user_id;
execute sp_addextendedproperty 'MS_Description', N'Kind of event', 'schema', saas, 'table', usage_events, 'column', event_type;
execute sp_addextendedproperty 'MS_Description', N'Feature used; NULL for a login', 'schema', saas, 'table', usage_events, 'column', feature_id;
execute sp_addextendedproperty 'MS_Description', N'Version that the database sets at every write; the sync''s watermark', 'schema', saas, 'table', usage_events, 'column', row_version;
GO

CREATE TABLE saas.support_tickets (
	ticket_id BIGINT NOT NULL, 
	account_id BIGINT NOT NULL, 
	user_id BIGINT NULL, 
	category VARCHAR(15) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	priority VARCHAR(6) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	status VARCHAR(8) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	subject NVARCHAR(200) COLLATE Latin1_General_100_BIN2 NOT NULL, 
	opened_at DATETIME2(6) NOT NULL, 
	first_response_at DATETIME2(6) NULL, 
	resolved_at DATETIME2(6) NULL, 
	satisfaction INTEGER NULL, 
	created_at DATETIME2(6) NOT NULL, 
	updated_at DATETIME2(6) NOT NULL, 
	row_version ROWVERSION NOT NULL, 
	CONSTRAINT pk_support_tickets PRIMARY KEY (ticket_id), 
	CONSTRAINT ck_support_tickets_category_known CHECK (category IN ('question', 'bug', 'complaint', 'billing', 'feature_request')), 
	CONSTRAINT ck_support_tickets_priority_known CHECK (priority IN ('low', 'normal', 'high', 'urgent')), 
	CONSTRAINT ck_support_tickets_status_known CHECK (status IN ('open', 'pending', 'resolved')), 
	CONSTRAINT ck_support_tickets_satisfaction_in_range CHECK (satisfaction BETWEEN 1 AND 5), 
	CONSTRAINT fk_support_tickets_account_id FOREIGN KEY(account_id) REFERENCES saas.accounts (account_id), 
	CONSTRAINT fk_support_tickets_user_id FOREIGN KEY(user_id) REFERENCES saas.users (user_id) ON DELETE SET NULL
);
GO

CREATE INDEX ix_support_tickets_account_id ON saas.support_tickets (account_id);
GO

CREATE INDEX ix_support_tickets_row_version ON saas.support_tickets (row_version) INCLUDE (created_at);
GO

CREATE INDEX ix_support_tickets_user_id ON saas.support_tickets (user_id) WHERE user_id IS NOT NULL;
GO

CREATE TRIGGER [saas].[record_delete_support_tickets] ON [saas].[support_tickets] AFTER DELETE AS BEGIN SET NOCOUNT ON; INSERT INTO [saas].[_tombstones] (table_name, key_value, slice) SELECT N'support_tickets', [ticket_id], CONVERT(VARCHAR(7), [created_at], 23) FROM deleted; END;
GO

execute sp_addextendedproperty 'MS_Description', N'Support tickets', 'schema', saas, 'table', support_tickets;
execute sp_addextendedproperty 'MS_Description', N'Surrogate key: account, month of its life and a running number', 'schema', saas, 'table', support_tickets, 'column', ticket_id;
execute sp_addextendedproperty 'MS_Description', N'Account that opened the ticket', 'schema', saas, 'table', support_tickets, 'column', account_id;
execute sp_addextendedproperty 'MS_Description', N'User who opened the ticket; NULL if erased on request', 'schema', saas, 'table', support_tickets, 'column', user_id;
execute sp_addextendedproperty 'MS_Description', N'Topic; a complaint raises the odds of churn', 'schema', saas, 'table', support_tickets, 'column', category;
execute sp_addextendedproperty 'MS_Description', N'Urgency of the ticket', 'schema', saas, 'table', support_tickets, 'column', priority;
execute sp_addextendedproperty 'MS_Description', N'Current status of the ticket', 'schema', saas, 'table', support_tickets, 'column', status;
execute sp_addextendedproperty 'MS_Description', N'Subject line of the ticket', 'schema', saas, 'table', support_tickets, 'column', subject;
execute sp_addextendedproperty 'MS_Description', N'When the ticket was opened (UTC)', 'schema', saas, 'table', support_tickets, 'column', opened_at;
execute sp_addextendedproperty 'MS_Description', N'When the ticket was first answered (UTC)', 'schema', saas, 'table', support_tickets, 'column', first_response_at;
execute sp_addextendedproperty 'MS_Description', N'When the ticket was resolved (UTC)', 'schema', saas, 'table', support_tickets, 'column', resolved_at;
execute sp_addextendedproperty 'MS_Description', N'Rating from 1 (bad) to 5 (good); NULL if none was given', 'schema', saas, 'table', support_tickets, 'column', satisfaction;
execute sp_addextendedproperty 'MS_Description', N'When the row was created (UTC)', 'schema', saas, 'table', support_tickets, 'column', created_at;
execute sp_addextendedproperty 'MS_Description', N'When the business last changed the row (UTC)', 'schema', saas, 'table', support_tickets, 'column', updated_at;
execute sp_addextendedproperty 'MS_Description', N'Version that the database sets at every write; the sync''s watermark', 'schema', saas, 'table', support_tickets, 'column', row_version;
GO
