/** An input that did what none may do, once; it is run again for ever. */
export type Case = { readonly target: string; readonly was: string; readonly hex: string }

/** Metadata 1 of a topic whose name is no UTF-8: as text it is three times as long. */
const brokenName = Buffer.concat([
  Buffer.from('00030001000000070000000000014e20', 'hex'),
  Buffer.alloc(20_000, 0xff),
]).toString('hex')

export const cases: readonly Case[] = [
  { target: 'broker', was: 'a name that was too long to be answered', hex: brokenName },
  { target: 'request', was: 'a name that was too long to be written again', hex: brokenName },
  {
    target: 'row',
    was: 'a time that could be read and not written (seed 1, input 135)',
    hex: '01040e6f6e652d371437343236323033feffffffffffffffff01a7abfef962000000abfef98001106b2512b274c349cc61b0b41d0b56',
  },
  {
    target: 'row',
    was: 'a list of 16 million batches that was allocated before it was compared with the bytes (seed 1, input 1136)',
    hex:
      '01000e6f6e652d383034303439313135a4aeab7cf96201808080081377616c2f3030303030303030303039372d780402005724a1abfef962' +
      '000000050000002602ffffffffffffffffff01ab00000026',
  },
  {
    target: 'checkpoint',
    was: 'a list of 16 million producers (seed 1, input 173)',
    hex:
      '5744434bf429484b011a713262447a7135795130657a425547764b73304176672f302f0400000000000600000021000103002e000102aaad' +
      'abfe35795130657a425547764b73304176672f302f0400000000000600000021000103002e000102aaadabfef96200175601000000000057' +
      'f2bf54072e1cf83b4698f738b900000000000000016a60c5983b5e068a893c3891f1a04f93fcbf4a89c2902f00d77c692dd63898bea053f9' +
      '039e51c6c7c02547268f8570b1d998db835485a7f40d4eb622eb2d8f54e60104000202aaadabfef962010bb446e4170000',
  },
  { target: 'checkpoint', was: 'a checkpoint that ends behind its magic (seed 1, input 234)', hex: '5744434b4f' },
  { target: 'checkpoint', was: 'a checkpoint that ends within its checksum (seed 1, input 837)', hex: '5744434b00ff' },
  {
    target: 'index of a segment',
    was: 'a list of 16 million entries (seed 1, input 621)',
    hex: '7851fa26018080800886a0abfaf9000000000200593c2395b691d38a79cbcb',
  },
  {
    target: 'index of a segment',
    was: 'a list of 16 million entries (seed 1, input 5193)',
    hex: '04295e870180808008019a0900ffff00000062',
  },
  { target: 'group', was: 'a document that is no JSON', hex: '7b' },
  {
    target: 'group',
    was: 'a group whose members are none',
    hex: Buffer.from('{"format":1,"type":"classic"}').toString('hex'),
  },
  { target: 'offsets', was: 'offsets without partitions', hex: Buffer.from('{"format":1,"fence":0}').toString('hex') },
  {
    target: 'offsets',
    was: 'an offset that is no number',
    hex: Buffer.from('{"format":1,"fence":0,"commits":0,"partitions":{"0":["x",0,"",0,0]}}').toString('hex'),
  },
  {
    target: 'JSON',
    was: '2.50 that was kept as it was written because of an escape beside it (seed 1082563453, input 187765)',
    hex: '7b2261223a5b312c322e35302c22785c7530306539225d7d203165343030205b5b5b5d5d5d',
  },
  { target: 'topic', was: 'a topic that is null', hex: Buffer.from('null').toString('hex') },
  { target: 'checkpoint item', was: 'an item that is cut', hex: Buffer.from('{"seq":1').toString('hex') },
]
