interface Env {
  readonly SECOND_FACTOR: {
    verify(question: { user: string; code: string }): Promise<{ ok: boolean; reason?: string }>;
  };
}

/** Another Worker that verifies a received code over the service binding. */
export default {
  async fetch(request, { SECOND_FACTOR }) {
    const answer = await SECOND_FACTOR.verify(await request.json());
    return Response.json(answer, { status: answer.ok ? 200 : 400 });
  },
} satisfies ExportedHandler<Env>;
