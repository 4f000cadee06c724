/** Checks whether an HTTP endpoint answers. */
import { request } from 'undici';

/** True if a GET returns 200. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await request(url, { headersTimeout: 2_000, bodyTimeout: 2_000 });
    await response.body.dump();
    return response.statusCode === 200;
  } catch {
    return false;
  }
}
