import Base
import Parquet
import Storage
import Testing

@testable import DeltaLog

/// Log checkpoints and names that somebody damaged or made on purpose: an error with a name, or a
/// table about which every question has an answer.
@Suite struct HostileCheckpointTests {
  private let storage = RivalStorage()

  private func logPath(_ name: String) -> String { "\(tableFolder)/_delta_log/\(name)" }

  private static func name(_ version: Int64) -> String {
    let digits = String(version)
    return String(repeating: "0", count: 20 - digits.count) + digits + ".checkpoint.parquet"
  }

  /// Asks everything that maintenance asks.
  private func look(_ comment: Comment) {
    var table = TableSnapshot(storage: storage, folder: tableFolder, engine: "downlink 1")
    do {
      try table.follow()
    } catch {
      #expect("\(error)".contains("readings_solar"), comment)
      return
    }
    var byteCount: Int64 = 0
    var rowCount: Int64 = 0
    for file in table.files {
      byteCount += file.byteCount
      rowCount += file.rowCount ?? 0
      _ = (table.statistics(of: file), table.tags(of: file), file.isInTable)
      #expect(!file.encodedPath.isEmpty && table.names(file.path), comment)
      #expect(Timestamp.text(micros: file.modificationTimeMillis * 1000).isEmpty == false, comment)
      _ = file.removal(atMillis: 1, changesRows: false).text
    }
    #expect(byteCount == table.byteCount && rowCount >= 0, comment)
    var removedByteCount: Int64 = 0
    for tombstone in table.tombstones {
      removedByteCount += tombstone.byteCount ?? 0
      _ = tombstone.isExpired(atMillis: 1_790_000_000_000, retentionMillis: 1)
      _ = (tombstone.deletionTimeMillis ?? 0) * 1000
    }
    #expect(removedByteCount == table.removedByteCount, comment)
    _ = table.committedAtMillis * 1000
    let cleanup = LogCleanupOptions(nowMillis: 1_790_000_100_000, retentionMillis: 1)
    _ = try? table.planCleanup(cleanup)
    let checkpoint = LogCheckpointOptions(
      nowMillis: 1_790_000_100_000, deletedFileRetentionMillis: 3_600_000)
    _ = try? table.writeCheckpoint(checkpoint)
  }

  /// The bytes of a log checkpoint of ours with files, tags, tombstones and transactions.
  private func checkpoint() throws -> [UInt8] {
    var bookmark = TableBookmark.empty
    for version in 0..<6 as Range<Int64> {
      bookmark = try smallTable(storage.memory).apply(
        [entry(version)], ledgerEnd: 99, after: bookmark).bookmark
    }
    let tagged: JSONValue = [
      "path": "event_date=2026-11-21/t%20x.parquet", "partitionValues": ["event_date": .null],
      "size": 3, "modificationTime": 4, "dataChange": true, "tags": ["a": "b"],
      "stats": "{\"numRecords\":7}",
    ]
    let removed: JSONValue = [
      "path": .string(path(2)), "dataChange": false, "size": 7,
      "deletionTimestamp": 1_790_000_099_000,
    ]
    try putForeign(storage, 6, [["add": tagged], ["remove": removed]])
    var table = TableSnapshot(storage: storage, folder: tableFolder, engine: "downlink 1")
    try table.follow()
    let options = LogCheckpointOptions(
      nowMillis: 1_790_000_100_000, deletedFileRetentionMillis: 3_600_000)
    _ = try table.writeCheckpoint(options)
    let bytes = try storage.read(logPath(Self.name(6)))
    for name in try storage.list("\(tableFolder)/_delta_log") { try storage.delete(logPath(name)) }
    return bytes
  }

  /// As Spark's RESTORE leaves it: a file got a deletion vector, and then was as before again.
  @Test(arguments: [1 << 16, 1])
  func `a file that is also the tombstone of a deletion vector is live`(rowGroup: Int) throws {
    var bookmark = TableBookmark.empty
    for version in 0..<4 as Range<Int64> {
      bookmark = try smallTable(storage.memory).apply(
        [entry(version)], ledgerEnd: 99, after: bookmark).bookmark
    }
    var table = TableSnapshot(storage: storage, folder: tableFolder, engine: "Spark")
    try table.follow()
    for version in [1, 2] as [Int64] {
      _ = table.removed.insert(
        FileRecord(
          path: Array(path(version).utf8), partition: -1, size: 1, timestamp: 1_790_000_099_000,
          version: 3, statistics: nil, tags: nil))
    }
    var options = LogCheckpointOptions(
      nowMillis: 1_790_000_100_000, deletedFileRetentionMillis: 3_600_000)
    options.rowGroupRowCountMax = rowGroup
    let written = try #require(try table.writeCheckpoint(options))
    #expect(written.addCount == 4 && written.tombstoneCount == 2)
    for name in try storage.list("\(tableFolder)/_delta_log") where name.hasSuffix(".json") {
      try storage.delete(logPath(name))
    }
    var again = TableSnapshot(storage: storage, folder: tableFolder, engine: "downlink 1")
    try again.follow()
    #expect(again.fileCount == 4 && again.tombstoneCount == 0)
    #expect(again.byteCount == 4)
  }

  /// A trap ends the whole run: the last seed printed is of the batch that did it.
  @Test(arguments: 0..<6)
  func `a damaged log checkpoint is an error or a table, never a trap`(batch: Int) throws {
    let seed = 810_000 + UInt64(batch)
    print("damaged log checkpoints of seed \(seed)")
    var random = SplitMix64(seed: seed)
    let original = try checkpoint()
    for _ in 0..<150 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let tail = Bool.random(using: &random) ? min(bytes.count, 6000) : bytes.count
        let position = bytes.count - Int.random(in: 1...tail, using: &random)
        bytes[position] =
          Bool.random(using: &random)
          ? .random(in: 0...255, using: &random)
          : bytes[position] ^ (1 << UInt8.random(in: 0..<8, using: &random))
      }
      try storage.replace(logPath(Self.name(6)), bytes)
      look("seed \(seed)")
      for name in try storage.list("\(tableFolder)/_delta_log") {
        try storage.delete(logPath(name))
      }
    }
  }

  // MARK: - Well-formed files with anything in them

  /// Values that arithmetic does not like.
  private static let integers: [Int64] = [
    .min, .min + 1, -1, 0, 1, 1 << 31, 1 << 42, 1 << 50, 1 << 62, .max - 1, .max,
  ]
  private static let texts = [
    "", "a", "%", "%2", "../x", "/x", "s3://b/x", "event_date=2026-11-21/f.parquet", "\0",
    "{\"numRecords\":9223372036854775807}", "{\"numRecords\":", "\"\\", "{}", "[", "\u{1F680}",
  ]

  private static func column(
    _ type: ParquetType, _ count: Int, _ random: inout SplitMix64
  ) -> NestedColumn {
    let words = (0..<(count + 63) / 64).map { _ in random.next() | random.next() }
    let values: ColumnValues
    switch type {
    case .string:
      let chosen = (0..<count).map { _ in Array(texts.randomElement(using: &random)!.utf8) }
      values = .byteStrings(
        ByteStrings(
          bytes: Array(chosen.joined()),
          starts: chosen.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }))
    case .int32:
      values = .int32((0..<count).map { _ in Int32(truncatingIfNeeded: random.next()) })
    default:
      values = .int64((0..<count).map { _ in integers.randomElement(using: &random)! })
    }
    return NestedColumn(count: count, validity: words, content: .values(values))
  }

  /// A group of a log checkpoint in which every member may be of another type, or missing.
  private static func group(
    _ name: String, _ members: [(String, ParquetType)], _ count: Int,
    _ random: inout SplitMix64
  ) -> (ParquetField, NestedColumn) {
    var fields: [ParquetField] = []
    var columns: [NestedColumn] = []
    for (member, usual) in members where random.next() % 12 > 0 {
      let odd: [ParquetType] = [.string, .int64, .int32]
      let type = random.next() % 10 > 0 ? usual : odd.randomElement(using: &random)!
      fields.append(.value(member, type))
      columns.append(column(type, count, &random))
    }
    fields.append(.map(member(of: name)))
    columns.append(map(count, &random))
    let words = (0..<(count + 63) / 64).map { _ in random.next() | random.next() }
    return (
      .group(name, fields), NestedColumn(count: count, validity: words, content: .group(columns))
    )
  }

  private static func member(of group: String) -> String {
    group == "metaData" ? "configuration" : "partitionValues"
  }

  private static func map(_ count: Int, _ random: inout SplitMix64) -> NestedColumn {
    let starts = (0..<count).reduce(into: [0]) { starts, _ in
      starts.append(starts[starts.count - 1] + Int(random.next() % 3))
    }
    let total = starts[count]
    let keys = NestedColumn(count: total, content: column(.string, total, &random).content)
    return NestedColumn(
      count: count, validity: nil,
      content: .map(starts: starts, keys: keys, values: column(.string, total, &random)))
  }

  private static func file(_ random: inout SplitMix64) -> [UInt8] {
    let count = 1 + Int(random.next() % 40)
    let groups: [(String, [(String, ParquetType)])] = [
      ("txn", [("appId", .string), ("version", .int64), ("lastUpdated", .int64)]),
      (
        "add",
        [
          ("path", .string), ("size", .int64), ("modificationTime", .int64), ("stats", .string),
        ]
      ),
      ("remove", [("path", .string), ("deletionTimestamp", .int64), ("size", .int64)]),
      (
        "metaData",
        [("id", .string), ("schemaString", .string), ("name", .string), ("createdTime", .int64)]
      ),
      ("protocol", [("minReaderVersion", .int32), ("minWriterVersion", .int32)]),
    ]
    let parts = groups.map { group($0.0, $0.1, count, &random) }
    var writer = ParquetFileWriter(
      fields: parts.map(\.0), options: ParquetWriterOptions(createdBy: "test"))
    writer.beginRowGroup(rowCount: count)
    for part in parts { writer.writeField(part.1) }
    writer.endRowGroup()
    return writer.finish().output
  }

  @Test(arguments: 0..<6)
  func `a log checkpoint with any types and values in it is an error or a table`(
    batch: Int
  ) throws {
    let seed = 820_000 + UInt64(batch)
    print("log checkpoints of anything, seed \(seed)")
    var random = SplitMix64(seed: seed)
    for _ in 0..<120 {
      try storage.replace(logPath(Self.name(6)), Self.file(&random))
      look("seed \(seed)")
      for name in try storage.list("\(tableFolder)/_delta_log") {
        try storage.delete(logPath(name))
      }
    }
  }

  @Test func `numbers of a commit that no file can have are as if nothing were said`() throws {
    var bookmark = TableBookmark.empty
    bookmark = try smallTable(storage.memory).apply([entry(0)], ledgerEnd: 99, after: bookmark)
      .bookmark
    let huge: JSONValue = .int(Int64.max)
    for version in 1...3 {
      try putForeign(
        storage, version,
        [
          ["commitInfo": ["timestamp": version == 2 ? .int(Int64.min) : huge]],
          [
            "add": [
              "path": .string("event_date=2026-11-21/h\(version).parquet"), "size": huge,
              "partitionValues": ["event_date": "2026-11-21"], "modificationTime": huge,
              "dataChange": true, "stats": "{\"numRecords\":9223372036854775807}",
            ]
          ],
          ["remove": ["path": .string("r\(version)"), "size": huge, "deletionTimestamp": huge]],
        ])
    }
    look("commits")
    var table = TableSnapshot(storage: storage, folder: tableFolder, engine: "downlink 1")
    try table.follow()
    #expect(table.fileCount == 4 && table.byteCount == 1 && table.removedByteCount == 0)
    #expect(table.files.map(\.rowCount) == [1, nil, nil, nil])
    let isExpired = table.tombstones.map { $0.isExpired(atMillis: 1 << 45, retentionMillis: 0) }
    #expect(isExpired == [false, false, false])
  }

  @Test(arguments: [
    "00000000000000000005.checkpoint.0000000001.0000000000.parquet",
    "00000000000000000005.checkpoint.0000000000.0000000000.parquet",
    "00000000000000000005.checkpoint.+000000001.0000000001.parquet",
    "09223372036854775807.checkpoint.parquet", "09223372036854775807.json",
    "-0000000000000000001.json", "+0000000000000000001.json",
    "00000000000000000005.checkpoint.0000000001.9999999999.parquet", "…", ".", "",
  ])
  func `a name that nobody gives is passed over`(name: String) {
    let names = LogNames([name])
    #expect(names.commits.isEmpty && names.checkpoints.isEmpty)
  }
}
