const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const twoDigits = (value: number) => String(value).padStart(2, "0");

/** A moment in UTC, such as "22 Nov 2026, 08:12 UTC". The server can't know the visitor's time zone. */
export function Time({ at }: { at: Date }) {
  const day = `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}`;
  const clock = `${twoDigits(at.getUTCHours())}:${twoDigits(at.getUTCMinutes())}`;
  return <time datetime={at.toISOString()}>{`${day}, ${clock} UTC`}</time>;
}

/** A wait in words, never shorter than it is: "1 second", "75 seconds", "3 minutes". */
export function durationText(seconds: number): string {
  const whole = Math.max(1, Math.ceil(seconds));
  if (whole < 120) return `${whole} ${whole === 1 ? "second" : "seconds"}`;
  return `${Math.ceil(whole / 60)} minutes`;
}

interface CountdownProps {
  seconds: number;
  /** The sentence before the wait. */
  lead?: string | undefined;
}

/** How long to wait. True when the page is made; the script counts it down. */
export function Countdown({ seconds, lead }: CountdownProps) {
  return (
    <p data-countdown-seconds={Math.max(1, Math.ceil(seconds))}>
      {lead ? `${lead} ` : ""}Try again in <span data-countdown-text>{durationText(seconds)}</span>.
    </p>
  );
}

/** Hidden until the script finds this device's clock more than 20 s away from the server's. */
export function ClockWarning({ serverNowMs }: { serverNowMs: number }) {
  return (
    <div class="notice notice-warning" role="status" data-clock-warning data-server-now={serverNowMs} hidden>
      <p>
        This device’s clock is off by about <span data-clock-offset>some time</span>. Codes depend on the
        time. If your authenticator app is on this device, let it set its clock automatically.
      </p>
    </div>
  );
}
