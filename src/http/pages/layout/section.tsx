import type { Child } from "hono/jsx";

interface SectionProps {
  id: string;
  title: string;
  badge?: string | undefined;
  good?: boolean | undefined;
  children?: Child;
}

/** A part of the account page, named by its heading. */
export function Section({ id, title, badge, good, children }: SectionProps) {
  return (
    <section aria-labelledby={`${id}-heading`}>
      <h2 id={`${id}-heading`}>
        {title} {badge ? <span class={good ? "badge badge-good" : "badge"}>{badge}</span> : null}
      </h2>
      {children}
    </section>
  );
}
