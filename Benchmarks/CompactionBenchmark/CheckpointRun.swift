import Base
import DeltaLog
import Glibc
import Storage

/// A table's log with many files: how long its checkpoint takes to write and to read.
struct CheckpointRun {
  let storage: any Storage
  let fileCount: Int

  private static let folder = "tables/many"
  private static let filesPerCommit = 10_000
  private static let nowMillis: Int64 = 1_790_000_000_000

  /// The log is written as the committer writes it: names, statistics of four columns, checksums.
  func prepare() throws {
    let schema = DeltaSchema(columns: [
      DeltaColumn("device_id", .string), DeltaColumn("event_time", .timestamp),
      DeltaColumn("temperature", .double), DeltaColumn("kafka_offset", .long),
      DeltaColumn("event_date", .date),
    ])
    var random = SplitMix64(seed: 1)
    var version = 0
    for start in stride(from: 0, to: fileCount, by: Self.filesPerCommit) {
      var lines: [String] = []
      if version == 0 {
        lines = [
          DeltaAction.protocolAction.text,
          DeltaAction.metaData(
            id: "00000000-0000-4000-8000-000000000000", name: "many", schema: schema,
            createdTimeMillis: 0
          ).text,
        ]
      }
      for file in start..<min(start + Self.filesPerCommit, fileCount) {
        lines.append(line(file, &random))
      }
      let digits = String(version)
      let name = String(repeating: "0", count: 20 - digits.count) + digits + ".json"
      _ = try storage.putIfAbsent(
        "\(Self.folder)/_delta_log/\(name)", Array((lines.joined(separator: "\n") + "\n").utf8))
      version += 1
    }
  }

  private func line(_ file: Int, _ random: inout SplitMix64) -> String {
    let date = Timestamp.dateText(day: Int32(20_000 + file / 1440 % 700))
    let id = RandomID.hex(random.next()) + RandomID.hex(random.next())
    let low = Double(random.next() % 4000) / 100
    let stats =
      #"{"numRecords":\#(600 + file % 7),"minValues":{"device_id":"device-000000","event_time":"#
      + #""\#(date)T10:00:00.000Z","temperature":\#(low),"kafka_offset":\#(file * 600)},"#
      + #""maxValues":{"device_id":"device-000599","event_time":"\#(date)T10:00:59.999Z","#
      + #""temperature":\#(low + 40),"kafka_offset":\#(file * 600 + 599)},"nullCount":"#
      + #"{"device_id":0,"event_time":0,"temperature":3,"kafka_offset":0}}"#
    let add: JSONValue = [
      "add": [
        "path": .string("event_date=\(date)/bench-v\(file)-\(id)-0.parquet"),
        "partitionValues": ["event_date": .string(date)], "size": .int(30_000 + file % 999),
        "modificationTime": .int(Self.nowMillis), "dataChange": true, "stats": .string(stats),
        "tags": ["downlink.xxh64": .string(RandomID.hex(random.next()))],
      ]
    ]
    return add.text
  }

  func measure() throws {
    var table = TableSnapshot(storage: storage, folder: Self.folder, engine: "downlinkd bench")
    try report("log of \(fileCount) files read commit by commit") { _ = try table.follow() }
    let options = LogCheckpointOptions(
      nowMillis: Self.nowMillis, deletedFileRetentionMillis: 1)
    var byteCount: Int64 = 0
    try report("checkpoint written") { _ = try table.writeCheckpoint(options) }
    let names = try storage.list("\(Self.folder)/_delta_log")
    for name in names where name.hasSuffix(".checkpoint.parquet") {
      byteCount = try storage.size("\(Self.folder)/_delta_log/\(name)")
    }
    for name in names where name.hasSuffix(".json") {
      try storage.delete("\(Self.folder)/_delta_log/\(name)")
    }
    var again = TableSnapshot(storage: storage, folder: Self.folder, engine: "downlinkd bench")
    try report("table opened from the checkpoint") { _ = try again.follow() }
    guard again.fileCount == fileCount, again.byteCount == table.byteCount else {
      print("the checkpoint has \(again.fileCount) files, not \(fileCount)")
      exit(1)
    }
    var usage = rusage()
    _ = unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    print(
      "  \(byteCount) bytes, \(byteCount / Int64(fileCount)) a file; memory of all this "
        + "\(usage.ru_maxrss / 1024) MiB")
  }

  private func report(_ what: String, _ body: () throws -> Void) rethrows {
    let begun = (processor: processorSeconds(), wall: MonotonicClock.nowNanos())
    try body()
    let seconds = processorSeconds() - begun.processor
    let wall = Double(MonotonicClock.nowNanos() - begun.wall) / 1e9
    func rounded(_ value: Double) -> Double { Double(Int(value * 1000)) / 1000 }
    print(
      "\(what): \(rounded(seconds)) s of processor time, \(rounded(wall)) s, "
        + "\(rounded(seconds * 1e6 / Double(fileCount))) µs a file")
  }
}
