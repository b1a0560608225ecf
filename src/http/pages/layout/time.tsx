const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const twoDigits = (value: number) => String(value).padStart(2, "0");

/** Shows a time in UTC, such as "22 Nov 2026, 08:12 UTC". The server does not know the visitor's time zone. */
export function Time({ at }: { at: Date }) {
  const day = `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}`;
  const clock = `${twoDigits(at.getUTCHours())}:${twoDigits(at.getUTCMinutes())}`;
  return <time datetime={at.toISOString()}>{`${day}, ${clock} UTC`}</time>;
}

/** Returns a duration in words, rounded up: "1 second", "75 seconds", "3 minutes". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(1, Math.ceil(seconds));
  if (whole < 120) return `${whole} ${whole === 1 ? "second" : "seconds"}`;
  return `${Math.ceil(whole / 60)} minutes`;
}

interface CountdownProps {
  seconds: number;
  /** A sentence before the time to wait. */
  lead?: string | undefined;
}

/** Shows the time to wait as of the rendering of the page. The script counts it down. */
export function Countdown({ seconds, lead }: CountdownProps) {
  return (
    <p data-countdown-seconds={Math.max(1, Math.ceil(seconds))}>
      {lead ? `${lead} ` : ""}Try again in <span data-countdown-text>{formatDuration(seconds)}</span>.
    </p>
  );
}

/** Hidden unless the script finds that the device's clock differs from the server's by more than 20 s. */
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
