import Base
import Glibc
import Storage

@testable import DeltaLog
@testable import Parquet

// A coverage-guided fuzzer (libFuzzer) of everything that reads Parquet files from outside:
// `Tests/Fuzz/run parquet` builds it with all of Base, Storage, Parquet and DeltaLog instrumented,
// under the address sanitizer.
//
// An input is a file. It is looked at as `inspect` does, read as a nested file, copied as
// compaction copies row groups, and taken for the log checkpoint of a table.

/// So that no run length or codec makes an input of gigabytes: what they may come to is known.
private let limits = ParquetReaderLimits(
  rowGroupRowCountMax: 1 << 16, pageByteCountMax: 1 << 20, chunkByteCountMax: 1 << 22)

private func look(_ bytes: [UInt8]) {
  func read(_ position: Int, _ count: Int) -> [UInt8] { Array(bytes[position..<position + count]) }
  guard var outline = try? ParquetOutline(byteCount: bytes.count, readRange: read) else { return }
  try? outline.readPages(read)
}

private func readNested(_ bytes: [UInt8]) {
  guard let file = try? NestedParquetFile(bytes: bytes, limits: limits) else { return }
  for rowGroup in file.rowGroupRowCounts.indices {
    for field in file.fields {
      guard let column = try? file.read([field.name], rowGroup: rowGroup) else { continue }
      precondition(column.count == file.rowGroupRowCounts[rowGroup])
      visit(column)
    }
  }
}

/// Every slot of every column below.
private func visit(_ column: NestedColumn) {
  for slot in 0..<column.count { _ = (column.isPresent(slot), column.elements(of: slot)) }
  switch column.content {
  case .absent: break
  case .values:
    let flat = column.flat
    for slot in 0..<column.count { _ = flat?[slot] }
  case .group(let columns): columns.forEach(visit)
  case .list(_, let elements): visit(elements)
  case .map(_, let keys, let values):
    visit(keys)
    visit(values)
  }
}

private func copy(_ bytes: [UInt8]) {
  guard let file = try? ParquetFile(bytes: bytes, limits: limits),
    ParquetFileWriter.obstacle(toCopying: file, into: file.footer.schema) == nil
  else { return }
  var writer = ParquetFileWriter(
    schema: file.footer.schema, options: ParquetWriterOptions(createdBy: "fuzz"))
  for rowGroup in file.footer.rowGroups.indices {
    guard (try? writer.copyRowGroup(rowGroup, of: file)) != nil else { return }
  }
  _ = writer.finish()
}

private func takeCheckpoint(_ bytes: [UInt8]) {
  let storage = MemoryStorage()
  let path = "tables/t/_delta_log/00000000000000000003.checkpoint.parquet"
  guard (try? storage.replace(path, bytes)) != nil else { return }
  var table = TableSnapshot(storage: storage, folder: "tables/t", engine: "fuzz")
  guard (try? table.follow()) != nil else { return }
  for file in table.files {
    _ = (table.statistics(of: file), table.tags(of: file), file.isInTable)
    precondition(table.names(file.path))
  }
  for tombstone in table.tombstones {
    _ = tombstone.isExpired(atMillis: 1_790_000_000_000, retentionMillis: 1)
  }
  _ = try? table.writeCheckpoint(
    LogCheckpointOptions(nowMillis: 1_790_000_100_000, deletedFileRetentionMillis: 3_600_000))
}

// MARK: - Seeds

/// A log checkpoint of ours: its columns, with two files, a tombstone and a transaction.
private func checkpoint() -> [UInt8] {
  let storage = MemoryStorage()
  let lines = [
    #"{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}"#,
    #"{"metaData":{"id":"i","format":{"provider":"parquet","options":{}},"schemaString":"{}","#
      + #""partitionColumns":["d"],"configuration":{"a":"b"}}}"#,
    #"{"txn":{"appId":"p/l","version":7}}"#,
    #"{"add":{"path":"d=1/x%20y.parquet","partitionValues":{"d":"1"},"size":9,"dataChange":true,"#
      + #""modificationTime":1,"stats":"{\"numRecords\":3}","tags":{"t":"u"}}}"#,
    #"{"add":{"path":"d=2/z.parquet","partitionValues":{"d":null},"size":8,"dataChange":true,"#
      + #""modificationTime":2}}"#,
    #"{"remove":{"path":"old","deletionTimestamp":1790000099000,"dataChange":true}}"#,
  ]
  var table = TableSnapshot(storage: storage, folder: "tables/t", engine: "fuzz")
  do {
    _ = try storage.putIfAbsent(
      "tables/t/_delta_log/00000000000000000000.json",
      Array((lines.joined(separator: "\n") + "\n").utf8))
    try table.follow()
    _ = try table.writeCheckpoint(
      LogCheckpointOptions(nowMillis: 1_790_000_100_000, deletedFileRetentionMillis: 3_600_000))
    return try storage.read("tables/t/_delta_log/00000000000000000000.checkpoint.parquet")
  } catch {
    fatalError("the seed cannot be made: \(error)")
  }
}

/// Lists, maps and groups without a codec, for damage to reach the levels; flat columns with page
/// index and bloom filter.
private func nested(_ compression: Compression) -> [UInt8] {
  let options = ParquetWriterOptions(
    compression: compression, pageByteCountMax: 100, pageRowCountMax: 8, createdBy: "fuzz",
    bloomFilterColumns: ["w"])
  let words = ByteStrings(bytes: Array("abcdef".utf8), starts: [0, 1, 3, 6])
  let count = 20
  let some = [UInt64(0b1011_0111_1101_1011_0111)]
  func integers(_ count: Int) -> NestedColumn {
    .values(.int64((0..<count).map { Int64($0 * $0) }), count: count)
  }
  func texts(_ count: Int) -> NestedColumn {
    .values(
      .words(indexes: (0..<count).map { UInt32($0 % 3) }, dictionary: words), count: count)
  }
  let starts = (0...count).map { $0 * 3 / 2 }
  var writer = ParquetFileWriter(
    fields: [
      .value("w", .string), .value("d", .double),
      .group("g", [.value("i", .int64), .value("t", .string)]), .list("l", of: .int64), .map("m"),
    ], options: options)
  writer.beginRowGroup(rowCount: count)
  writer.writeField(texts(count))
  writer.writeField(
    .values(.double((0..<count).map { 1 / Double($0 + 1) }), count: count, validity: some))
  writer.writeField(
    NestedColumn(
      count: count, validity: some, content: .group([integers(count), texts(count)])))
  writer.writeField(
    NestedColumn(
      count: count, validity: some,
      content: .list(starts: starts, elements: integers(starts[count]))))
  writer.writeField(
    NestedColumn(
      count: count,
      content: .map(starts: starts, keys: texts(starts[count]), values: texts(starts[count]))))
  writer.endRowGroup()
  return writer.finish().output
}

/// Called by libFuzzer first: with DOWNLINK_FUZZ_SEEDS, a folder, only puts its own seeds there.
@_cdecl("LLVMFuzzerInitialize")
public func initializeFuzzer(
  _ count: UnsafeMutableRawPointer?, _ arguments: UnsafeMutableRawPointer?
) -> CInt {
  guard let folder = unsafe getenv("DOWNLINK_FUZZ_SEEDS") else { return 0 }
  let seeds = [
    "checkpoint": checkpoint(), "plain": nested(.none), "snappy": nested(.snappy),
    "zstd": nested(.zstd(level: 1)),
  ]
  for (name, bytes) in seeds {
    guard let file = unsafe fopen(String(cString: folder) + "/own-\(name)", "w") else { exit(1) }
    _ = unsafe bytes.withUnsafeBytes { unsafe fwrite($0.baseAddress, 1, $0.count, file) }
    unsafe fclose(file)
  }
  exit(0)
}

/// Called by libFuzzer for every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let bytes = unsafe bytes, count > 0 else { return 0 }
  let input = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
  look(input)
  readNested(input)
  copy(input)
  takeCheckpoint(input)
  return 0
}
