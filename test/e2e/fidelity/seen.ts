import { type Field, type Message, valuesOf } from "./message.ts";
import { exchangeHeader } from "./recording-origin.ts";
import type { Outcome } from "./surroundings.ts";

/** Changes an outcome as one difference does. */
export type Change = (outcome: Outcome) => Outcome;

export const inRequest =
  (change: (request: Message) => Message): Change =>
  (outcome) => ({ ...outcome, requests: outcome.requests.map(change) });

export const inResponse =
  (change: (response: Message) => Message): Change =>
  ({ received, ...rest }) => ({
    ...rest,
    received: { ...received, final: received.final === null ? null : change(received.final) },
  });

export const inFields =
  (change: (fields: readonly Field[]) => readonly Field[]) =>
  (message: Message): Message => ({ ...message, fields: change(message.fields) });

/** Changes the interim responses and the final one. */
export const inAllResponses =
  (change: (response: Message) => Message): Change =>
  (outcome) => {
    const changed = inResponse(change)(outcome);
    return { ...changed, received: { ...changed.received, interim: outcome.received.interim.map(change) } };
  };

/** Removes the header lines whose names, in lower case, satisfy the test. */
export const removeFields = (isRemoved: (name: string) => boolean) =>
  inFields((fields) => fields.filter(({ name }) => !isRemoved(name.toLowerCase())));

/** Replaces all header lines with this name by one. */
export const setField = (name: string, value: string) => (message: Message) =>
  addField(name, value)(removeFields((other) => other === name.toLowerCase())(message));

export const addField = (name: string, value: string) => inFields((fields) => [...fields, { name, value }]);

/** Changes the values of a header. */
export const mapField = (name: string, change: (value: string) => string) =>
  inFields((fields) =>
    fields.map((field) =>
      field.name.toLowerCase() === name ? { ...field, value: change(field.value) } : field,
    ),
  );

export const hasField = ({ fields }: Message, name: string) => valuesOf(fields, name).length > 0;

/** A response of Sallyport, of nginx or of the Workers runtime, as {@link withoutRandomness} shortens it. */
export const refusal = (startLine: string, body: string): Message => ({
  startLine: `HTTP/1.1 ${startLine}`,
  fields: [],
  framing: "none",
  body,
  trailers: [],
  isWhole: true,
});

/**
 * Replaces what is random in an outcome: the name of the exchange, the assertion and the session's token. A refusal of Sallyport,
 * of nginx or of the Workers runtime becomes its status line and a code.
 */
export function withoutRandomness(outcome: Outcome): Outcome {
  const isExchange = (name: string) => name === exchangeHeader.toLowerCase();
  const clean = (message: Message) =>
    inFields((fields) => fields.map(({ name, value }) => ({ name, value: withoutTokens(value) })))(
      removeFields(isExchange)(message),
    );
  const { interim, final, frames } = outcome.received;
  return {
    ...outcome,
    requests: outcome.requests.map(clean),
    received: {
      interim: interim.map(clean),
      final: final === null ? null : shortRefusal(clean(final)),
      frames,
    },
  };
}

/** A signed JWT. The site's own tokens in the table have no signature. */
const tokens = /\bey[\w-]+\.[\w-]+\.[\w-]+/g;

/** The age is the rest of the session's. */
const withoutTokens = (value: string) =>
  value.replace(tokens, "<token>").replace(/^(__Host-sallyport=<token>; Max-Age=)\d{5}(?=;)/, "$1<seconds>");

function shortRefusal(response: Message): Message {
  const status = response.startLine.replace("HTTP/1.1 ", "");
  if (hasField(response, "X-Request-Id"))
    return refusal(status, /"code":"(\w+)"/.exec(response.body)?.[1] ?? response.body);
  if (/<hr><center>nginx/.test(response.body)) return refusal(status, "nginx");
  if (/^(ERROR: |invalid URI)/.test(response.body)) return refusal(status, response.body);
  return response;
}
