/** What a page of the documentation points to: other pages, their headings, files of the repository, and titles of tests. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { split } from './page.ts';

const LINK = /\]\(([^)\s]+)\)/g;
const CODE = /`([^`]+)`/g;
const REPOSITORY_PATH = /^(?:(?:agent|collector|config|docs|scripts|shared|test)\/[\w.*/-]*|[A-Z]+\.md)$/;
/** As in: `test/flow/agent/tls.test.ts`: "a title of a test". The title may go on in the next line. */
const PROOF = /`(test\/[\w./-]+\.ts)`:\s+"([^"]+)"/g;

const proseOf = (text: string): string => split(text.split('\n')).prose.join('\n');

/** The name that a heading can be linked by. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

function hasHeading(file: string, anchor: string): boolean {
  const headings = proseOf(readFileSync(file, 'utf8')).matchAll(/^#+ (.+)$/gm);
  return [...headings].some(([, heading]) => anchorOf(heading!) === anchor);
}

/** @param page from the root on. @returns a sentence for each link that leads nowhere */
export function brokenLinks(root: string, page: string): { readonly seen: number; readonly broken: string[] } {
  const links = [...proseOf(readFileSync(path.join(root, page), 'utf8')).matchAll(LINK)]
    .map(([, target]) => target!)
    .filter((target) => !/^[a-z]+:/.test(target));
  const broken = links.filter((target) => {
    const [file = '', anchor] = target.split('#');
    const full = file === '' ? path.join(root, page) : path.resolve(root, path.dirname(page), file);
    return !existsSync(full) || (anchor !== undefined && !hasHeading(full, anchor));
  });
  return { seen: links.length, broken: broken.map((target) => `${page} links to ${target}, which is not there`) };
}

/** @returns a sentence for each path in backticks that the repository has not */
export function missingPaths(root: string, page: string): { readonly seen: number; readonly missing: string[] } {
  const paths = [...proseOf(readFileSync(path.join(root, page), 'utf8')).matchAll(CODE)]
    .map(([, code]) => code!)
    .filter((code) => REPOSITORY_PATH.test(code));
  const missing = paths.filter((code) => globSync(code.replace(/\/$/, ''), { cwd: root }).length === 0);
  return { seen: paths.length, missing: missing.map((code) => `${page} names ${code}, which is not there`) };
}

/** @returns a sentence for each test that the page names and the file has not */
export function missingProofs(root: string, page: string): { readonly seen: number; readonly missing: string[] } {
  const proofs = [...readFileSync(path.join(root, page), 'utf8').matchAll(PROOF)];
  const missing = proofs.flatMap(([, file, title]) => {
    const named = title!.replace(/\s+/g, ' ');
    const full = path.join(root, file!);
    const source = existsSync(full) ? readFileSync(full, 'utf8').replaceAll("\\'", "'") : '';
    return source.includes(named) ? [] : [`${page} names the test "${named}" of ${file}, which is not there`];
  });
  return { seen: proofs.length, missing };
}
