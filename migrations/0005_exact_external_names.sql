ALTER TABLE `users` ADD `canonical_name` text;--> statement-breakpoint
CREATE INDEX `users_realm_canonical_name` ON `users` (`realm`,`canonical_name`) WHERE canonical_name IS NOT NULL;