DROP INDEX `sessions_user_id`;--> statement-breakpoint
ALTER TABLE `sessions` ADD `network` text;--> statement-breakpoint
CREATE INDEX `sessions_user_id_network` ON `sessions` (`user_id`,`network`);--> statement-breakpoint
ALTER TABLE `challenges` ADD `approval_period_id` text;--> statement-breakpoint
CREATE INDEX `challenges_api_key_id` ON `challenges` (`api_key_id`);--> statement-breakpoint
ALTER TABLE `idempotency_keys` ADD `api_key_id` text;--> statement-breakpoint
ALTER TABLE `idempotency_keys` ADD `approval_period_id` text;--> statement-breakpoint
ALTER TABLE `users` ADD `approval_period_id` text;