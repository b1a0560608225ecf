ALTER TABLE `users` ADD `canonical_name` text;--> statement-breakpoint
CREATE INDEX `users_canonical_name` ON `users` (`canonical_name`) WHERE canonical_name IS NOT NULL;