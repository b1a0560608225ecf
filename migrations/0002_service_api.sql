CREATE TABLE `api_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`realm` text NOT NULL,
	`name` text NOT NULL,
	`scopes` text NOT NULL,
	`key_hash` text NOT NULL,
	`return_urls` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer,
	`last_used_at` integer,
	`revoked_at` integer
);
--> statement-breakpoint
CREATE INDEX `api_keys_realm_id` ON `api_keys` (`realm`,`id`);--> statement-breakpoint
CREATE TABLE `challenges` (
	`id` text PRIMARY KEY NOT NULL,
	`realm` text NOT NULL,
	`user_id` text NOT NULL,
	`api_key_id` text,
	`secret_hash` text NOT NULL,
	`action` text,
	`nonce` text,
	`return_to` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`opened_at` integer,
	`completed_at` integer,
	`amr` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `challenges_secret_hash` ON `challenges` (`secret_hash`);--> statement-breakpoint
CREATE INDEX `challenges_expires_at` ON `challenges` (`expires_at`);--> statement-breakpoint
CREATE INDEX `challenges_user_id` ON `challenges` (`user_id`);--> statement-breakpoint
CREATE TABLE `idempotency_keys` (
	`realm` text NOT NULL,
	`key_hash` text NOT NULL,
	`request_hash` text NOT NULL,
	`answer` text NOT NULL,
	`expires_at` integer NOT NULL,
	PRIMARY KEY(`realm`, `key_hash`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_keys_expires_at` ON `idempotency_keys` (`expires_at`);--> statement-breakpoint
DROP INDEX `audit_events_user_id_at`;--> statement-breakpoint
ALTER TABLE `audit_events` ADD `actor` text;--> statement-breakpoint
CREATE INDEX `audit_events_user_id` ON `audit_events` (`user_id`);--> statement-breakpoint
CREATE INDEX `audit_events_realm` ON `audit_events` (`realm`);--> statement-breakpoint
ALTER TABLE `sessions` ADD `challenge_id` text;