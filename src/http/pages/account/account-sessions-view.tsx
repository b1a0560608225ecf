import { Section } from "../layout/section.tsx";
import { Time } from "../layout/time.tsx";
import { formatUserAgent } from "./user-agent.ts";

/** One session in the list on the account page. */
export interface SessionListItem {
  id: string;
  /** The session of this request. */
  current: boolean;
  createdAt: Date;
  lastSeenAt: Date;
  expiresAt: Date;
  userAgent: string | null;
  clientAddress: string | null;
  /** The number of factors that the session has verified. */
  aal: 1 | 2;
}

interface SessionsSectionProps {
  base: string;
  sessions: SessionListItem[];
}

/** Lists the account's sessions. Posts `id` to `/account/sessions/end`, or no field to `…/end-others`. */
export function SessionsSection({ base, sessions }: SessionsSectionProps) {
  const others = sessions.some((session) => !session.current);
  return (
    <Section id="sessions" title="Sessions">
      <p>The browsers in which you are signed in. End every session that you don’t recognise.</p>
      <ul class="sessions">
        {sessions.map((session) => (
          <Session base={base} session={session} />
        ))}
      </ul>
      {others ? (
        <form method="post" action={`${base}/account/sessions/end-others`}>
          <button class="button button-quiet" type="submit">
            End all other sessions
          </button>
        </form>
      ) : null}
    </Section>
  );
}

function Session({ base, session }: { base: string; session: SessionListItem }) {
  const device = formatUserAgent(session.userAgent);
  const factors = session.aal === 2 ? "Two factors" : "First factor only";
  return (
    <li>
      <div>
        <p class="session-device">
          <strong>{device}</strong>{" "}
          {session.current ? <span class="badge badge-good">This session</span> : null}
        </p>
        <p class="hint">
          {factors} · from {session.clientAddress ?? "an unknown address"}
        </p>
        <p class="hint">
          Signed in <Time at={session.createdAt} />
        </p>
        <p class="hint">
          Last seen <Time at={session.lastSeenAt} />
        </p>
        <p class="hint">
          Ends by <Time at={session.expiresAt} />
        </p>
      </div>
      {session.current ? null : (
        <form method="post" action={`${base}/account/sessions/end`}>
          <input type="hidden" name="id" value={session.id} />
          <button class="button button-quiet button-small" type="submit">
            End session{" "}
            <span class="visually-hidden">
              of {device}, signed in <Time at={session.createdAt} />
            </span>
          </button>
        </form>
      )}
    </li>
  );
}
