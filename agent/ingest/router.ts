/** Routes a request to one of the agent's endpoints. */
import type { IncomingMessage } from 'node:http';
import { type AccessRules, rejectForeign, rejectUnauthenticated } from './http/access.ts';
import { MAX_BODY_BYTES, statedLength } from './http/body-reader.ts';
import { preflightAnswer, readableBy } from './http/cors.ts';
import { rejectEncoded, rejectMalformed, targetOf } from './http/request-head.ts';
import { type HttpResponse, json, problem, text } from './http/response.ts';
import { type PostEventsDependencies, postEvents } from './post-events.ts';

/** What the agent says of itself. */
export interface AgentPages {
  status(): unknown;
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
  /** For support: an HTML page, and what it shows as JSON. */
  page(): Promise<{ readonly headers: Readonly<Record<string, string>>; readonly body: string }>;
  inspect(): Promise<unknown>;
}

export interface RouterDependencies extends PostEventsDependencies, AccessRules {
  readonly pages: AgentPages;
}

const METHODS: Readonly<Record<string, readonly string[]>> = {
  '/v1/events': ['POST'],
  '/v1/status': ['GET', 'HEAD'],
  '/metrics': ['GET', 'HEAD'],
  '/healthz': ['GET', 'HEAD'],
  '/': ['GET', 'HEAD'],
  '/v1/inspect': ['GET', 'HEAD'],
};

/** What the page of a browser-based till may ask for; support's pages are not for it. */
const OF_TILLS: ReadonlySet<string> = new Set(['/v1/events', '/v1/status', '/healthz']);
/** Says only that the process serves, to whoever watches it. */
const WITHOUT_TOKEN = '/healthz';

/** Answers a request by its head alone; null when it goes on. */
function answerByHead(request: IncomingMessage, path: string, rules: AccessRules): HttpResponse | null {
  const methods = METHODS[path];
  if (request.headers.origin !== undefined && methods !== undefined && !OF_TILLS.has(path))
    return problem(403, `${path} is not for web pages.`);
  // A browser sends no token with a preflight.
  const preflight = preflightAnswer(request, methods ?? []);
  if (preflight !== null) return preflight;
  const unauthenticated = path === WITHOUT_TOKEN ? null : rejectUnauthenticated(request, rules);
  if (unauthenticated !== null) return unauthenticated;
  // The answer does not repeat the path: it may hold a card number in an encoding that is not
  // masked.
  if (methods === undefined) return problem(404, `No such path. Known paths: ${Object.keys(METHODS).join(', ')}.`);
  if (request.method === 'OPTIONS') return { ...text(204, '', ''), headers: { allow: methods.join(', ') } };
  if (!methods.includes(request.method!))
    return problem(405, `${path} takes ${methods.join(' or ')}.`, { headers: { allow: methods.join(', ') } });
  if (path !== '/v1/events') return null;
  const encoded = rejectEncoded(request);
  if (encoded !== null) return encoded;
  if (statedLength(request) > MAX_BODY_BYTES) return problem(413, `The body is larger than ${MAX_BODY_BYTES} bytes.`);
  return null;
}

/**
 * @param proceed tells a client that waits for `100-continue` to send its body
 * @returns null when the client went away
 */
export async function route(
  request: IncomingMessage,
  dependencies: RouterDependencies,
  proceed: () => void,
): Promise<HttpResponse | null> {
  const { path, authority } = targetOf(request);
  const refused = rejectMalformed(request) ?? rejectForeign(request, authority, dependencies);
  if (refused !== null) return refused;
  const answer = answerByHead(request, path, dependencies) ?? (await answerOf(request, path, dependencies, proceed));
  const { origin } = request.headers;
  return origin === undefined || answer === null ? answer : readableBy(origin, answer);
}

async function answerOf(
  request: IncomingMessage,
  path: string,
  dependencies: RouterDependencies,
  proceed: () => void,
): Promise<HttpResponse | null> {
  proceed();
  switch (path) {
    case '/v1/events':
      return postEvents(request, dependencies);
    case '/v1/status':
      return json(200, dependencies.pages.status());
    case '/metrics': {
      const { contentType, body } = await dependencies.pages.metrics();
      return text(200, contentType, body);
    }
    case '/': {
      const { headers, body } = await dependencies.pages.page();
      return { ...text(200, 'text/html; charset=utf-8', body), headers };
    }
    case '/v1/inspect':
      return json(200, await dependencies.pages.inspect());
    default:
      return text(200, 'text/plain; charset=utf-8', 'ok\n');
  }
}
