/** What can be undone and done again. */
export class History<State> {
  #states: State[] = [];
  /** Which of them is the present; -1 when there is none. */
  #now = -1;

  /** The present. */
  get present(): State | undefined {
    return this.#states[this.#now];
  }

  get canUndo(): boolean {
    return this.#now > 0;
  }

  get canRedo(): boolean {
    return this.#now < this.#states.length - 1;
  }

  /** The last one up to the present of which `test` holds. */
  findLast(test: (state: State) => boolean): State | undefined {
    return this.#states.slice(0, this.#now + 1).findLast(test);
  }

  /** Something was done: there is nothing to do again any more. */
  push(state: State): void {
    this.#states = [...this.#states.slice(0, this.#now + 1), state];
    this.#now = this.#states.length - 1;
  }

  /** Goes one step back, if there is one. */
  undo(): State | undefined {
    if (this.canUndo) this.#now--;
    return this.present;
  }

  /** Goes one step forward, if there is one. */
  redo(): State | undefined {
    if (this.canRedo) this.#now++;
    return this.present;
  }

  /** Forgets the states that are not possible any more. */
  keep(possible: (state: State) => boolean): void {
    const before = this.#states.slice(0, this.#now + 1).filter(possible);
    const after = this.#states.slice(this.#now + 1).filter(possible);
    this.#states = [...before, ...after];
    this.#now = before.length - 1;
  }
}
