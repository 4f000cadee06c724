/** The collector's HTTP server: health and metrics for operations, figures for merchants. */
import swagger from '@fastify/swagger';
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify';
import type { Registry } from 'prom-client';
import { Histogram } from 'prom-client';
import { UnknownRules } from '../store/logic-versions.ts';
import { StoreUnavailable } from '../store/tables.ts';
import { TrustedProxies } from './admission/addresses.ts';
import { createGatedServer } from './admission/gated-server.ts';
import { admissionMetrics } from './admission/metrics.ts';
import { Turns } from './admission/turns.ts';
import { eventsRoute } from './events-route.ts';
import { guardRoutes } from './guard.ts';
import { API_LIMITS } from './limits.ts';
import { lossesRoute } from './losses-route.ts';
import { type MetricsDeps, metricsRoute } from './metrics-route.ts';
import { Problem } from './query/problem.ts';
import { restatementsRoute } from './restatements-route.ts';
import { topRoute } from './top-route.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Explains the state to a person. */
  readonly reason: string;
}

export interface HttpDeps {
  readonly readiness: () => Readiness;
  readonly registry: Registry;
  readonly onError: (error: Error) => void;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly maxConnections: number;
  readonly trustedProxies: readonly string[];
  /** Null: this process does not have the role `api`. */
  readonly merchants: MetricsDeps | null;
  readonly version: string;
}

function problemOf(error: FastifyError | Error): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof UnknownRules)
    return new Problem(503, 'the figures are made by a newer release than this server runs: ask again in a while');
  if (error instanceof StoreUnavailable)
    return new Problem(503, 'the store does not answer at the moment: ask again in a few seconds', { retryAfterS: 5 });
  if ('validation' in error && error.validation) {
    const errors = error.validation.map(({ instancePath, params, message }) => ({
      parameter: instancePath.split('/')[1] ?? String(params.additionalProperty ?? params.missingProperty ?? ''),
      detail: detailOf(params, message),
    }));
    return new Problem(400, errors.map(({ parameter, detail }) => `${parameter} ${detail}`).join('; '), { errors });
  }
  const { statusCode = 500 } = error as FastifyError;
  return new Problem(statusCode, statusCode < 500 ? error.message : 'this is a fault of ours; it has been logged');
}

function detailOf(params: Record<string, unknown>, message = 'is not valid'): string {
  if (params.additionalProperty !== undefined) return 'is not a known parameter';
  return Array.isArray(params.allowedValues) ? `must be one of ${params.allowedValues.join(', ')}` : message;
}

const SERVER = {
  connectionsPerAddress: API_LIMITS.httpConnectionsPerAddress.value,
  headerBytes: API_LIMITS.httpHeaderBytes.value,
  headerMs: API_LIMITS.httpHeaderMs.value,
  keepAliveMs: API_LIMITS.httpKeepAliveMs.value,
  requestsPerConnection: API_LIMITS.httpRequestsPerConnection.value,
  pipelinedBytes: API_LIMITS.httpPipelinedBytes.value,
  writeMs: API_LIMITS.httpWriteMs.value,
} as const;

/** Does not listen yet: the caller chooses the address. */
export async function createServer(deps: HttpDeps): Promise<FastifyInstance> {
  const refuse = (error: FastifyError, reply: FastifyReply): FastifyReply => {
    const problem = problemOf(error);
    if (!(error instanceof Problem) && problem.status >= 500) deps.onError(error);
    if (problem.retryAfterS !== null) void reply.header('retry-after', String(problem.retryAfterS));
    if (problem.status === 401) void reply.header('www-authenticate', 'Bearer');
    return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem.body()));
  };
  const turns = new Turns();
  const proxies = new TrustedProxies(deps.trustedProxies);
  const metrics = admissionMetrics(deps.registry);
  const { clock, maxConnections } = deps;
  const app = Fastify({
    logger: false,
    serverFactory: (handler) =>
      createGatedServer(handler, { turns, proxies, metrics, limits: { ...SERVER, connections: maxConnections } }),
    trustProxy: deps.trustedProxies.length > 0 && ((address: string) => proxies.trusts(address)),
    // For example a path that is not a valid URL, which never reaches a route's error handler.
    frameworkErrors: (error, _request, reply) => void refuse(error, reply as FastifyReply),
    routerOptions: { ignoreTrailingSlash: true },
    // An unknown query parameter is a typing error; it is reported, not silently dropped.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: 'array' } },
    // A stop waits for responses in progress, not for idle connections.
    forceCloseConnections: 'idle',
  });
  measureRequests(app, deps.registry);
  app.setErrorHandler((error: FastifyError, _request, reply) => refuse(error, reply));
  app.setNotFoundHandler(() => {
    throw new Problem(404, 'there is nothing here: see /openapi.json');
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Tillstream', version: deps.version, description: "A merchant's sales as time series." },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      security: [{ key: [] }],
    },
  });
  // Swagger sees only routes of plugins that are registered after it.
  await app.register(async (routes) => operationsRoutes(routes, () => app.swagger(), deps));
  const { merchants } = deps;
  if (merchants === null) return app;
  await app.register(async (routes) => {
    guardRoutes(routes, { auth: merchants.auth, proxies, turns, metrics, clock, maxConnections });
    metricsRoute(routes, merchants);
    topRoute(routes, merchants);
    eventsRoute(routes, merchants);
    lossesRoute(routes, merchants);
    restatementsRoute(routes, merchants);
  });
  return app;
}

function measureRequests(app: FastifyInstance, registry: Registry): void {
  const seconds = new Histogram({
    name: 'tillstream_http_request_duration_seconds',
    help: 'Time from request to response.',
    labelNames: ['route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [registry],
  });
  app.addHook('onResponse', async (request, reply) => {
    seconds.observe({ route: request.routeOptions.url ?? 'none', status: reply.statusCode }, reply.elapsedTime / 1000);
  });
}

/** Routes without authentication: the API's description, health and Prometheus metrics. */
function operationsRoutes(
  routes: FastifyInstance,
  description: () => unknown,
  { readiness, registry, clock }: HttpDeps,
): void {
  const hidden = { schema: { hide: true } };
  let text: string | null = null;
  routes.get('/openapi.json', hidden, async (_request, reply) => {
    text ??= JSON.stringify(description());
    return reply.type('application/json').send(text);
  });
  routes.get('/livez', hidden, async (_request, reply) => reply.type('text/plain').send('ok\n'));
  routes.get('/readyz', hidden, async (_request, reply) => {
    const { ready, reason } = readiness();
    return reply
      .code(ready ? 200 : 503)
      .type('text/plain')
      .send(`${reason}\n`);
  });
  const metrics = lately(() => registry.metrics(), clock);
  routes.get('/metrics', hidden, async (_request, reply) => reply.type(registry.contentType).send(await metrics()));
}

/** What `make` gave less than a second ago, or gives now: anybody may ask as often as he likes. */
function lately<T>(make: () => Promise<T>, clock: () => number): () => Promise<T> {
  let made: { readonly value: Promise<T>; readonly until: number } | null = null;
  return () => {
    if (made === null || clock() >= made.until)
      made = { value: make(), until: clock() + API_LIMITS.metricsFreshMs.value };
    return made.value;
  };
}
