// A refusal of foreign bytes, with one of the codes of protocol.md or sync.md.
export class Refusal extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

export function refuse(code) {
  throw new Refusal(code);
}
