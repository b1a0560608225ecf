CREATE TABLE `audit_events` (
	`id` text PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`type` text NOT NULL,
	`realm` text,
	`user_id` text,
	`session_id` text,
	`client_address` text,
	`user_agent` text,
	`request_id` text,
	`detail` text
);
--> statement-breakpoint
CREATE INDEX `audit_events_at` ON `audit_events` (`at`);--> statement-breakpoint
CREATE INDEX `audit_events_user_id_at` ON `audit_events` (`user_id`,`at`);--> statement-breakpoint
CREATE TABLE `sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`user_id` text NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`amr` text NOT NULL,
	`first_factor_at` integer NOT NULL,
	`second_factor_at` integer,
	`created_at` integer NOT NULL,
	`last_seen_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`client_address` text,
	`user_agent` text
);
--> statement-breakpoint
CREATE INDEX `sessions_user_id` ON `sessions` (`user_id`);--> statement-breakpoint
CREATE INDEX `sessions_expires_at` ON `sessions` (`expires_at`);--> statement-breakpoint
CREATE TABLE `throttles` (
	`key` text PRIMARY KEY NOT NULL,
	`failures` integer NOT NULL,
	`window_ends_at` integer NOT NULL,
	`blocked_until` integer
);
--> statement-breakpoint
CREATE INDEX `throttles_window_ends_at` ON `throttles` (`window_ends_at`);--> statement-breakpoint
CREATE TABLE `users` (
	`id` text PRIMARY KEY NOT NULL,
	`realm` text NOT NULL,
	`username` text NOT NULL,
	`email` text,
	`password_hash` text,
	`totp_enabled` integer DEFAULT false NOT NULL,
	`totp_secret` text,
	`totp_setup_at` integer,
	`backup_codes` text,
	`totp_last_step` integer DEFAULT 0 NOT NULL,
	`totp_pending_secret` text,
	`totp_pending_expires_at` integer,
	`second_factor_failures` integer DEFAULT 0 NOT NULL,
	`second_factor_blocked_until` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`disabled_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `users_realm_username` ON `users` (`realm`,`username`);--> statement-breakpoint
CREATE INDEX `users_totp_pending_expires_at` ON `users` (`totp_pending_expires_at`) WHERE totp_pending_expires_at IS NOT NULL;