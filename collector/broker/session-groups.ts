/** Sessions by a name, such as their merchant's. A group without sessions is forgotten. */
const NONE: ReadonlySet<never> = new Set<never>();

export class SessionGroups<S> {
  readonly #nameOf: (session: S) => string;
  readonly #groups = new Map<string, Set<S>>();

  constructor(nameOf: (session: S) => string) {
    this.#nameOf = nameOf;
  }

  /** The group that this session belongs to, the oldest first; it need not be in it. */
  of(session: S): ReadonlySet<S> {
    return this.#groups.get(this.#nameOf(session)) ?? NONE;
  }

  largest(): ReadonlySet<S> {
    let largest: ReadonlySet<S> = NONE;
    for (const group of this.#groups.values()) if (group.size > largest.size) largest = group;
    return largest;
  }

  add(session: S): void {
    const name = this.#nameOf(session);
    const group = this.#groups.get(name);
    if (group === undefined) this.#groups.set(name, new Set([session]));
    else group.add(session);
  }

  delete(session: S): void {
    const name = this.#nameOf(session);
    const group = this.#groups.get(name);
    group?.delete(session);
    if (group?.size === 0) this.#groups.delete(name);
  }
}
