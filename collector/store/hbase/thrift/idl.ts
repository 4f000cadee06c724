/**
 * The part of HBase 2.6's Thrift2 interface that the store uses, as field tables. Names, ids and
 * types are the wire contract
 * (`hbase-thrift/src/main/resources/org/apache/hadoop/hbase/thrift2/hbase.thrift`, same names).
 */
import {
  binary,
  bool,
  type Coder,
  type Decoded,
  type Fields,
  i32,
  i64,
  list,
  type Struct,
  string,
  struct,
  texts,
} from './codec.ts';

export const DURABILITY = { fsyncWal: 4 } as const;
export const COMPARE = { greater: 5 } as const;
export const BLOOM = { row: 1 } as const;
export const ENCODING = { fastDiff: 4 } as const;

const TColumn = struct({ family: [1, binary], qualifier: [2, binary] });

const TColumnValue = struct({ family: [1, binary], qualifier: [2, binary], value: [3, binary], timestamp: [4, i64] });

const TResult = struct({ row: [1, binary], columnValues: [2, list(TColumnValue)] });

/** Limit and offset: cells of each family. */
const TGet = struct({
  row: [1, binary],
  columns: [2, list(TColumn)],
  storeLimit: [12, i32],
  storeOffset: [13, i32],
});

const TPut = struct({
  row: [1, binary],
  columnValues: [2, list(TColumnValue)],
  timestamp: [3, i64],
  durability: [6, i32],
});

const TDelete = struct({ row: [1, binary], columns: [2, list(TColumn)] });

const TMutation = struct({ put: [1, TPut] });

const TRowMutations = struct({ row: [1, binary], mutations: [2, list(TMutation)] });

const TTimeRange = struct({ minStamp: [1, i64], maxStamp: [2, i64] });

const TScan = struct({
  startRow: [1, binary],
  stopRow: [2, binary],
  columns: [3, list(TColumn)],
  caching: [4, i32],
  timeRange: [6, TTimeRange],
  limit: [15, i32],
  filterBytes: [18, binary],
});

const TTableName = struct({ ns: [1, binary], qualifier: [2, binary] });

const TColumnFamilyDescriptor = struct({
  name: [1, binary],
  attributes: [2, texts],
  configuration: [3, texts],
  bloomFilterType: [5, i32],
  dataBlockEncoding: [8, i32],
  maxVersions: [10, i32],
  timeToLive: [13, i32],
});

const TTableDescriptor = struct({
  tableName: [1, TTableName],
  columns: [2, list(TColumnFamilyDescriptor)],
  durability: [4, i32],
});

const TNamespaceDescriptor = struct({ name: [1, string] });

const TRegionInfo = struct({ startKey: [3, binary], endKey: [4, binary] });

const TRegionLocation = struct({ regionInfo: [2, TRegionInfo] });

const TIOError = struct({ message: [1, string], canRetry: [2, bool] });

const TIllegalArgument = struct({ message: [1, string] });

/** Exceptions of every method: the server's I/O failure, or a bad argument. */
const RAISED = { io: [1, TIOError], ia: [2, TIllegalArgument] } as const;

export interface Method<A extends Fields, T> {
  readonly name: string;
  readonly args: Coder<Struct<A>>;
  /** False for a method without a return value. */
  readonly answers: boolean;
  readonly result: Coder<Struct<typeof RAISED> & { readonly success?: T }>;
}

function method<const A extends Fields, T>(name: string, args: A, success: Coder<T>): Method<A, T> {
  return { name, args: struct(args), answers: true, result: struct({ success: [0, success], ...RAISED }) };
}

function procedure<const A extends Fields>(name: string, args: A): Method<A, undefined> {
  return { name, args: struct(args), answers: false, result: struct(RAISED) };
}

export const existsAll = method('existsAll', { table: [1, binary], tgets: [2, list(TGet)] }, list(bool));

export const getMultiple = method('getMultiple', { table: [1, binary], tgets: [2, list(TGet)] }, list(TResult));

export const putMultiple = procedure('putMultiple', { table: [1, binary], tputs: [2, list(TPut)] });

export const deleteMultiple = method(
  'deleteMultiple',
  { table: [1, binary], tdeletes: [2, list(TDelete)] },
  list(TDelete),
);

/**
 * An unset value means that the cell must not exist; so does an empty one, see `check-and-put.ts`.
 */
export const checkAndPut = method(
  'checkAndPut',
  {
    table: [1, binary],
    row: [2, binary],
    family: [3, binary],
    qualifier: [4, binary],
    value: [5, binary],
    tput: [6, TPut],
  },
  bool,
);

export const checkAndMutate = method(
  'checkAndMutate',
  {
    table: [1, binary],
    row: [2, binary],
    family: [3, binary],
    qualifier: [4, binary],
    compareOp: [5, i32],
    value: [6, binary],
    rowMutations: [7, TRowMutations],
  },
  bool,
);

export const getScannerResults = method(
  'getScannerResults',
  { table: [1, binary], tscan: [2, TScan], numRows: [3, i32] },
  list(TResult),
);

export const listNamespaces = method('listNamespaces', {}, list(string));

export const createNamespace = procedure('createNamespace', { namespaceDesc: [1, TNamespaceDescriptor] });

export const createTable = procedure('createTable', { desc: [1, TTableDescriptor], splitKeys: [2, list(binary)] });

export const tableExists = method('tableExists', { tableName: [1, TTableName] }, bool);

export const isTableAvailable = method('isTableAvailable', { tableName: [1, TTableName] }, bool);

export const getTableDescriptor = method('getTableDescriptor', { table: [1, TTableName] }, TTableDescriptor);

export const getAllRegionLocations = method('getAllRegionLocations', { table: [1, binary] }, list(TRegionLocation));

export type TColumn = Decoded<typeof TColumn>;
export type TResult = Decoded<typeof TResult>;
export type TPut = Decoded<typeof TPut>;
export type TColumnFamilyDescriptor = Decoded<typeof TColumnFamilyDescriptor>;
