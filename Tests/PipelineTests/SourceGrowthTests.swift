import Base
import Decode
import DeltaLog
import Detectors
import Ledger
import Storage
import Telemetry
import Testing
import Windows

@testable import Pipeline

/// A wide source gains and loses metrics over live state and tables that have rows.
@Suite struct SourceGrowthTests {
  private static let one = ["battery_voltage_v"]
  private static let two = ["battery_current_a", "battery_voltage_v"]

  private static func record(_ second: Int) -> TestRecord {
    .wide("sat-1", second: Double(second), metrics: [Double(second), Double(-second)])
  }

  private static func text(_ cut: PartitionCut, _ schema: ReadingSchema) -> [String] {
    let output = cut.output
    let rows = (0..<output.firings.rowCount).filter { output.firings.windowIndexes[$0] == 0 }
    return rows.map { row in
      let metric = Int(output.firings.metrics[row])
      return "\(schema.metrics[metric].name) n\(output.firings.counts[row])"
    }
  }

  /// The state behind `count` records that were read with one metric.
  private static func state(after count: Int, _ storage: any Storage) throws -> StateReference {
    let harness = PartitionHarness(.test(), source: try TestSources.wide(metrics: one))
    harness.offer((0..<count).map(record), from: 0)
    let file = try harness.stateFile(storage, id: CommitID(incarnation: "i", counter: 1))
    try file.closeOnce(in: storage)
    return file.reference
  }

  private static func restart(
    at to: Int64, from reference: StateReference, _ storage: any Storage
  ) throws -> PartitionHarness {
    let start = PartitionStart.test(to: to, state: reference)
    let source = try TestSources.wide(metrics: two)
    let restored = try StateSnapshot.restore(
      reference, key: start.key, source: source, storage: storage)
    return PartitionHarness(start, source: source, state: restored)
  }

  @Test func `a new metric begins where the replay ends, and the next entry brings the state`()
    throws
  {
    let storage = MemoryStorage()
    let schema = try TestSources.wide(metrics: Self.two).plan.schema
    let harness = try Self.restart(at: 8, from: Self.state(after: 4, storage), storage)
    harness.offer((4..<8).map(Self.record), from: 4)
    let options = try TestSources.options().commit
    #expect(harness.partition.isStateDue(options, wanted: false, nowNanos: 0))
    let first = try #require(harness.cut())
    #expect((first.from, first.to) == (8, 8))
    #expect(first.stateNeed?.reason == "its source has other metrics")
    harness.offer((8..<12).map(Self.record), from: 8)
    let second = try #require(harness.cut())
    #expect(second.stateNeed == nil)
    #expect(
      Self.text(second, schema) == ["battery_current_a n2", "battery_voltage_v n10"],
      "two of ten readings are not in the table without the new metric")
    #expect(second.output.readings.presenceWords == [3, 3, 3, 3])
  }

  @Test func `without anything to replay the new metric begins at once`() throws {
    let storage = MemoryStorage()
    let harness = try Self.restart(at: 4, from: Self.state(after: 4, storage), storage)
    let first = try #require(harness.cut())
    #expect(first.stateNeed?.reason == "its source has other metrics")
    // Once the state was saved anew there is nothing to say any more.
    let file = try harness.stateFile(storage, id: CommitID(incarnation: "i", counter: 2))
    try file.closeOnce(in: storage)
    let again = try Self.restart(at: 4, from: file.reference, storage)
    #expect(again.cut() == nil)
  }

  @Test func `an older program's tables get the columns, once, and its rows stay`() throws {
    let storage = MemoryStorage()
    func committer(_ metrics: [String]?, _ incarnation: String) throws -> Committer {
      let options = try TestSources.options(
        sources: [TestSources.wide(metrics: metrics), TestSources.narrow()])
      let committer = Committer(
        options: options, storage: storage, pool: .test, incarnation: incarnation,
        log: TestSources.silentLog)
      try committer.recover(clusterID: "cluster")
      return committer
    }
    let table = "readings_snapshots"
    let before = try committer(Self.one, "a").state
    #expect(before.tables[table]?.schemaText?.contains("battery_current_a") == false)
    let grown = try committer(Self.two, "b").state
    #expect(grown.lastVersion == before.lastVersion + 1)
    #expect(grown.tables[table]?.schemaText?.contains("battery_current_a") == true)
    #expect(grown.tables["windows"] == before.tables["windows"])
    // With fewer again nothing is taken away, and with the same nothing is done.
    #expect(try committer(Self.one, "c").state.lastVersion == grown.lastVersion)
    #expect(try committer(Self.two, "d").state.lastVersion == grown.lastVersion)
    let reader = DeltaTable(
      storage: storage, folder: FileNames.tableFolder(table),
      appID: "fleet/\(grown.ledgerID)", engineInfo: "")
    let bookmark = try reader.catchUp(after: .empty).bookmark
    #expect(bookmark.metaData?["schemaString"]?.stringValue == grown.tables[table]?.schemaText)
  }

  @Test func `a description is the column's comment, and follows the configuration`() throws {
    let storage = MemoryStorage()
    let table = "readings_snapshots"
    func schema(_ descriptions: [String: String], _ incarnation: String) throws -> ChainState {
      var source = try TestSources.wide(metrics: Self.one)
      source.descriptions = descriptions
      let committer = Committer(
        options: try TestSources.options(sources: [source]), storage: storage, pool: .test,
        incarnation: incarnation, log: TestSources.silentLog)
      try committer.recover(clusterID: "cluster")
      return committer.state
    }
    func comment(_ column: String, _ state: ChainState) throws -> String? {
      let text = try #require(state.tables[table]?.schemaText)
      let fields = try JSONValue(parsing: text)["fields"]?.arrayValue ?? []
      let field = try #require(fields.first { $0["name"]?.stringValue == column })
      return field["metadata"]?["comment"]?.stringValue
    }
    let metric = "battery_voltage_v"
    let first = try schema([metric: "of the bus", "region": "where it is"], "a")
    #expect(try comment(metric, first) == "of the bus")
    #expect(try comment("region", first) == "where it is")
    #expect(try comment("device_id", first) == nil)
    // The same again is no entry; another text is one, for this table alone.
    #expect(try schema([metric: "of the bus", "region": "where it is"], "b") == first)
    let second = try schema([metric: "of the battery"], "c")
    #expect(second.lastVersion == first.lastVersion + 1)
    #expect(second.tables["windows"] == first.tables["windows"])
    #expect(try comment(metric, second) == "of the battery")
    #expect(try comment("region", second) == "where it is", "nothing is taken away")
    let columns = try [first, second].map {
      try JSONValue(parsing: $0.tables[table]?.schemaText ?? "")["fields"]?.arrayValue?.count
    }
    #expect(columns[0] == columns[1])
  }

  @Test func `what state and tables cannot go on with is said before it is tried`() throws {
    let old = try TestSources.wide(metrics: Self.two)
    let tables = [
      "readings_snapshots": try ReadingsTable.definition(
        TestSources.wide(metrics: Self.two + ["flux"], types: ["flux": "sequence"]).plan.schema
      ).deltaSchema.schemaText
    ]
    func obstacles(_ metrics: [String], types: [String: String] = [:]) throws -> [String] {
      SourceGrowth.obstacles(
        from: [old], to: [try TestSources.wide(metrics: metrics, types: types)], tables: tables)
    }
    #expect(try obstacles(Self.two) == [])
    #expect(try obstacles(Self.two + ["battery_temperature_c"]) == [])
    #expect(try obstacles(Self.one) == [], "its column stays")
    let changed = try obstacles(Self.one + ["battery_current_a"], types: [
      "battery_current_a": "sequence"
    ])
    #expect(changed.count == 2, "the state's and the table's")
    #expect(changed[0].contains("battery_current_a was double and would be int64"))
    #expect(changed[1].contains("battery_current_a is double there and would be long"))
    // A column that nobody writes any more still has its type.
    let again = try obstacles(Self.two + ["flux"], types: ["flux": "battery_temperature_c"])
    #expect(again.count == 1 && again[0].contains("flux is long there and would be double"))
  }

  // MARK: - Metrics that go

  private static let detectors = [
    TestSources.limits("high", metric: "battery_*", warningAbove: 5)
  ]

  /// Both metrics rise; `high` is open for both from the seventh record on.
  private static func rising(_ second: Int) -> TestRecord {
    .wide("sat-1", second: Double(second), metrics: [Double(second), Double(second)])
  }

  /// The state behind `count` records that were read with two metrics.
  private static func bothState(after count: Int, _ storage: any Storage) throws -> StateReference {
    let source = try TestSources.wide(detectors: detectors, metrics: two)
    let harness = PartitionHarness(.test(), source: source)
    harness.offer((0..<count).map(rising), from: 0)
    let file = try harness.stateFile(storage, id: CommitID(incarnation: "i", counter: 1))
    try file.closeOnce(in: storage)
    return file.reference
  }

  private static func restartWithOne(
    at to: Int64, from reference: StateReference, _ storage: any Storage
  ) throws -> PartitionHarness {
    let start = PartitionStart.test(to: to, state: reference)
    let source = try TestSources.wide(detectors: detectors, metrics: one)
    let restored = try StateSnapshot.restore(
      reference, key: start.key, source: source, storage: storage)
    return PartitionHarness(start, source: source, state: restored)
  }

  private static func steps(_ cut: PartitionCut) -> [String] {
    cut.output.anomalies.map {
      "\($0.detector) \($0.metric ?? "none") \($0.state.rawValue) \($0.offset)"
    }
  }

  @Test func `a metric that goes ends at the cut, and the others go on as they were`() throws {
    let storage = MemoryStorage()
    let schema = try TestSources.wide(metrics: Self.one).plan.schema
    let harness = try Self.restartWithOne(at: 8, from: Self.bothState(after: 8, storage), storage)
    let first = try #require(harness.cut())
    #expect((first.from, first.to) == (8, 8))
    #expect(first.stateNeed == StateNeed(reason: "its source has other metrics"))
    #expect(Self.steps(first) == ["high battery_current_a closed 8"])
    #expect(first.output.anomalies[0].evidence.contains("the metric was removed"))
    harness.offer((8..<12).map(Self.rising), from: 8)
    let second = try #require(harness.cut())
    #expect(Self.text(second, schema) == ["battery_voltage_v n10"])
    #expect(Self.steps(second) == [], "the other one's stays open")
    #expect(harness.partition.detectors.openCounts.map(\.count).reduce(0, +) == 1)
  }

  @Test func `a replay behind a kill ends with the same windows of what stays`() throws {
    let storage = MemoryStorage()
    let schema = try TestSources.wide(metrics: Self.one).plan.schema
    let harness = try Self.restartWithOne(at: 8, from: Self.bothState(after: 4, storage), storage)
    harness.offer((4..<8).map(Self.rising), from: 4)
    #expect(try #require(harness.cut()).stateNeed != nil)
    harness.offer((8..<12).map(Self.rising), from: 8)
    #expect(Self.text(try #require(harness.cut()), schema) == ["battery_voltage_v n10"])
  }

  @Test func `a metric that comes back begins anew`() throws {
    let storage = MemoryStorage()
    let harness = try Self.restartWithOne(at: 8, from: Self.bothState(after: 8, storage), storage)
    #expect(harness.cut() != nil)
    let file = try harness.stateFile(storage, id: CommitID(incarnation: "i", counter: 2))
    try file.closeOnce(in: storage)
    let again = try Self.restart(at: 8, from: file.reference, storage)
    again.offer((8..<12).map(Self.rising), from: 8)
    let cut = try #require(again.cut())
    #expect(
      Self.text(cut, try TestSources.wide(metrics: Self.two).plan.schema)
        == ["battery_current_a n2", "battery_voltage_v n10"])
  }
}
