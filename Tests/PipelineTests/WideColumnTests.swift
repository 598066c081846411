import Decode
import Foundation
import Ledger
import Storage
import Testing

@testable import Pipeline

/// Columns of text, enums, bytes, times and booleans as pyarrow, DuckDB and deltalake read and
/// filter them: `wide_columns.py` makes the messages with Google's encoder and knows what is due.
@Suite struct WideColumnTests {
  private static let script = "wide_columns.py"

  private static func source(_ set: [UInt8]) throws -> SourceOptions {
    let mapping = MessageMapping(
      source: "reports", messageName: "fleet.Report", device: .field("id"),
      time: .init(field: "at_ms", unit: .milliseconds),
      metrics: .list(
        ["note", "raw", "mode", "fixed_at", "ok", "level"].map { .init(field: $0) }),
      plausibleFromMicros: TestSources.plausibleFromMicros)
    let catalogue = try MessageCatalogue(descriptorSet: set, path: "set.binpb")
    var source = try TestSources.wide(windows: [])
    source.plan = try DecodePlan(mapping, catalogue: catalogue)
    return source
  }

  /// The payloads of a file of them, each behind its length in four bytes.
  private static func records(_ bytes: [UInt8]) -> [TestRecord] {
    var records: [TestRecord] = []
    var place = 0
    while place < bytes.count {
      let count = (0..<4).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
      place += 4
      records.append(
        TestRecord(
          payload: Array(bytes[place..<place + count]),
          timestampMicros: (TestSources.startMillis + Int64(records.count) * 1000) * 1000))
      place += count
    }
    return records
  }

  @Test func `every value comes back, and filters give the rows they should`() throws {
    let folder = try TableFolder()
    let made = folder.path + "/made"
    try TableFolder.read(["make", made], with: Self.script)
    let facts = try JSONDecoder().decode(
      Facts.self, from: Data(contentsOf: URL(fileURLWithPath: made + "/facts.json")))
    func bytes(_ name: String) throws -> [UInt8] {
      Array(try Data(contentsOf: URL(fileURLWithPath: "\(made)/\(name)")))
    }
    let source = try Self.source(try bytes("set.binpb"))
    let storage = MemoryStorage()
    let committer = Committer(
      // Columns cross row groups, the long values lie in one with short ones.
      options: try TestSources.options(sources: [source], rowGroupRowCountMax: 16),
      storage: storage, pool: OutputPool(byteCountMax: 0), incarnation: "i",
      log: TestSources.silentLog)
    try committer.recover(clusterID: "cluster")
    let opening = TopicOpening(
      topic: "telemetry", incarnation: 0, partitionCount: 1, firstPartition: 0, startOffsets: [0])
    try committer.open(opening, clusterID: "cluster")
    let harness = PartitionHarness(.test("telemetry", 0), source: source)
    committer.own(harness.partition.key)
    var records = Self.records(try bytes("records.bin"))[...]
    #expect(records.count == facts.chunks.reduce(0, +))
    for count in facts.chunks {
      harness.offer(Array(records.prefix(count)), from: Int64(records.startIndex))
      records = records.dropFirst(count)
      _ = try committer.commit([try #require(harness.cut())], id: committer.nextCommitID())
    }
    try TableFolder.read(["check", made, try folder.add(storage, as: "root")], with: Self.script)
  }

  private struct Facts: Decodable {
    /// Records of each data file.
    let chunks: [Int]
  }
}
