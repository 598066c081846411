import Base
import Decode
import DeltaLog
import Detectors
import Devices
import Ledger
import Storage
import Telemetry
import Testing
import Windows

@testable import Pipeline

/// A source gains, loses and reorders attributes over live state and tables that have rows.
@Suite struct AttributeGrowthTests {
  /// One record before it is told which attributes there are.
  private struct Draft {
    var second: Double
    var device: String
    var words: [String: String]
    var value: Double

    func record(isNarrow: Bool, visible: [String]) -> TestRecord {
      let words = words.filter { visible.contains($0.key) }
      if isNarrow {
        return .narrow(
          device, [(second: second, metric: "m\(Int(value) % 3)", value: value)],
          model: words["model"], region: words["region"])
      }
      return .wide(
        device, second: second, region: words["region"], firmware: words["firmware"],
        metrics: [value, -value])
    }
  }

  private static func drafts(
    _ count: Int, names: [String], _ random: inout SplitMix64
  ) -> [Draft] {
    (0..<count).map { number in
      var words: [String: String] = [:]
      for name in names where random.next() % 4 > 0 { words[name] = "\(name)-\(random.next() % 3)" }
      return Draft(
        second: Double(number) - Double(random.next() % 4), device: "d\(random.next() % 5)",
        words: words, value: Double(random.next() % 20))
    }
  }

  private static func source(isNarrow: Bool, _ attributes: [String]) throws -> SourceOptions {
    isNarrow
      ? try TestSources.narrow(
        detectors: [TestSources.limits("high", metric: "m*", warningAbove: 15)],
        attributes: attributes)
      : try TestSources.wide(
        detectors: [TestSources.limits("high", metric: "battery_*", warningAbove: 15)],
        attributes: attributes)
  }

  private static func bytes(_ harness: PartitionHarness) -> [UInt8] {
    var writer = ByteWriter()
    harness.partition.encodeState(into: &writer)
    return writer.bytes
  }

  private static func state(
    _ harness: PartitionHarness, _ storage: any Storage, _ counter: Int64 = 1
  ) throws -> StateReference {
    let file = try harness.stateFile(storage, id: CommitID(incarnation: "i", counter: counter))
    try file.closeOnce(in: storage)
    return file.reference
  }

  private static func restart(
    _ source: SourceOptions, at to: Int64, from reference: StateReference, _ storage: any Storage
  ) throws -> PartitionHarness {
    let start = PartitionStart.test(source.topics[0], to: to, state: reference)
    let restored = try StateSnapshot.restore(
      reference, key: start.key, source: source, storage: storage)
    return PartitionHarness(start, source: source, state: restored)
  }

  private static func subset(_ names: [String], _ random: inout SplitMix64) -> [String] {
    Array(names.shuffled(using: &random).prefix(Int(random.next() % UInt64(names.count + 1))))
  }

  /// Saved with some attributes, killed, started with others and replayed: bit for bit the state of
  /// a run that had today's from the first record on, of which new ones were absent until then.
  @Test(arguments: [false, true])
  func `a replay sees the attributes of the first pass alone, and goes on with today's`(
    isNarrow: Bool
  ) throws {
    var seeds = SystemRandomNumberGenerator()
    let names = ["region", isNarrow ? "model" : "firmware"]
    for _ in 0..<30 {
      let seed = UInt64.random(in: .min ... .max, using: &seeds)
      var random = SplitMix64(seed: seed)
      let (before, after) = (Self.subset(names, &random), Self.subset(names, &random))
      let drafts = Self.drafts(60, names: names, &random)
      let saved = Int(random.next() % 30)
      let changed = saved + Int(random.next() % 20)

      let storage = MemoryStorage()
      let first = PartitionHarness(
        .test(isNarrow ? "samples" : "telemetry"),
        source: try Self.source(isNarrow: isNarrow, before))
      let records = drafts.map { $0.record(isNarrow: isNarrow, visible: names) }
      first.offer(Array(records[..<saved]), from: 0)
      let source = try Self.source(isNarrow: isNarrow, after)
      let second = try Self.restart(
        source, at: Int64(changed), from: Self.state(first, storage), storage)
      second.offer(Array(records[saved..<changed]), from: Int64(saved))

      let whole = PartitionHarness(.test(isNarrow ? "samples" : "telemetry"), source: source)
      whole.offer(
        drafts[..<changed].map { $0.record(isNarrow: isNarrow, visible: before) }, from: 0)
      let comment: Comment = "seed \(seed): \(before) to \(after)"
      #expect(Self.bytes(second) == Self.bytes(whole), comment)
      let (left, right) = (second.cut(), whole.cut())
      #expect((left?.stateNeed != nil) == (before != after), comment)
      #expect(right != nil || changed == 0, comment)

      for harness in [second, whole] {
        harness.offer(Array(records[changed...]), from: Int64(changed))
      }
      #expect(Self.bytes(second) == Self.bytes(whole), comment)
      let cuts = (try #require(second.cut()), try #require(whole.cut()))
      #expect(
        cuts.0.output.readings.recordAttributes == cuts.1.output.readings.recordAttributes, comment)
      #expect(cuts.0.output.firings.attributes == cuts.1.output.firings.attributes, comment)
      #expect(cuts.0.output.firings.means == cuts.1.output.firings.means, comment)
      #expect(cuts.0.output.anomalies.map(\.id) == cuts.1.output.anomalies.map(\.id), comment)
      #expect(cuts.0.stateNeed == nil, comment)
    }
  }

  @Test func `the next entry brings the state, and the one after not again`() throws {
    let storage = MemoryStorage()
    let first = PartitionHarness(
      .test(), source: try TestSources.wide(attributes: ["region"]))
    first.offer([.wide("a", second: 0, firmware: "f1")], from: 0)
    let source = try TestSources.wide()
    let second = try Self.restart(source, at: 1, from: Self.state(first, storage), storage)
    let options = try TestSources.options().commit
    #expect(second.partition.isStateDue(options, wanted: false, nowNanos: 0))
    let cut = try #require(second.cut())
    #expect((cut.from, cut.to) == (1, 1))
    #expect(cut.stateNeed == StateNeed(reason: "its source has other attributes"))
    let third = try Self.restart(source, at: 1, from: Self.state(second, storage, 2), storage)
    #expect(third.cut() == nil)
  }

  /// What a new attribute's words would have brought on a record did not happen then.
  @Test func `a replay does not judge words that the first pass did not read`() throws {
    let storage = MemoryStorage()
    var old = try TestSources.wide(attributes: ["region"])
    old.limits.attributeWordCountMax = 2
    var new = try TestSources.wide()
    new.limits = old.limits
    var records: [TestRecord] = (0..<6).map {
      .wide("a", second: Double($0), firmware: "FW-\($0)", metrics: [Double($0)])
    }
    // Not UTF-8.
    let marker = Array("FW-4".utf8)
    var payload = try #require(records[4].payload)
    let place = try #require(payload.indices.first { payload[$0...].starts(with: marker) })
    payload[place] = 0xFF
    records[4].payload = payload

    let first = PartitionHarness(.test(), source: old)
    let reference = try Self.state(first, storage)
    first.offer(records, from: 0)
    #expect(try #require(first.cut()).output.readings.outcomeCounts()[.read] == 6)
    let second = try Self.restart(new, at: 6, from: reference, storage)
    second.offer(records, from: 0)
    #expect(second.partition.devices[0].recordCount == 6, "all were let in then")
    #expect(second.partition.vocabulary.attributes.map(\.count) == [1, 0])
    _ = second.cut()
    second.offer(records, from: 6)
    let counts = try #require(second.cut()).output.readings.outcomeCounts()
    #expect((counts[.read], counts[.dead]) == (2, 4), "from here on they are judged")
  }

  @Test func `rows are null before, and in the column of one that is gone`() throws {
    let storage = MemoryStorage()
    let first = PartitionHarness(.test(), source: try TestSources.wide(attributes: ["region"]))
    first.offer([.wide("a", second: 0, region: "eu", firmware: "f1")], from: 0)
    let source = try TestSources.wide(attributes: ["firmware"])
    let second = try Self.restart(source, at: 1, from: Self.state(first, storage), storage)
    _ = second.cut()
    // A window that began under the old attributes fires with what is known by then.
    second.offer([.wide("a", second: 1, region: "eu", firmware: nil)], from: 1)
    second.offer([.wide("a", second: 30, region: "eu", firmware: "f2")], from: 2)
    let cut = try #require(second.cut())
    let words = cut.output.readings.recordAttributes
    #expect(words[0] == WordTable.none)
    #expect(cut.vocabulary.attributes[0].text(of: words[1]) == "f2")
    #expect(cut.output.firings.rowCount > 0)
    #expect(cut.output.firings.attributes.allSatisfy { $0 == words[1] })
    let columns = WindowsTable.definition([source]).columns.map(\.name)
    #expect(columns.contains("firmware") && !columns.contains("region"))
  }

  @Test func `tables gain the column in one entry, keep it, and refuse it with another type`()
    throws
  {
    let storage = MemoryStorage()
    func committer(_ attributes: [String], _ incarnation: String) throws -> Committer {
      let committer = Committer(
        options: try TestSources.options(
          sources: [TestSources.wide(attributes: attributes), TestSources.narrow()]),
        storage: storage, pool: .test, incarnation: incarnation, log: TestSources.silentLog)
      try committer.recover(clusterID: "cluster")
      return committer
    }
    func columns(_ table: String, _ state: ChainState) throws -> [String] {
      let schema = try JSONValue(parsing: state.tables[table]?.schemaText ?? "")
      return (schema["fields"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue }
    }
    let before = try committer(["region"], "a").state
    let grown = try committer(["firmware", "region"], "b").state
    #expect(grown.lastVersion == before.lastVersion + 1)
    for table in ["readings_snapshots", "windows", "anomalies", "devices"] {
      let added = try columns(table, grown).filter { try !columns(table, before).contains($0) }
      #expect(added == (table == "devices" ? ["firmware", "firmware_since"] : ["firmware"]))
    }
    #expect(try committer(["region"], "c").state.lastVersion == grown.lastVersion)
    #expect(try committer([], "d").state.lastVersion == grown.lastVersion)

    let tables = grown.tables.compactMapValues(\.schemaText)
    func obstacles(_ source: SourceOptions) throws -> [String] {
      SourceGrowth.obstacles(
        from: [try TestSources.wide(attributes: ["region"])], to: [source], tables: tables)
    }
    #expect(try obstacles(TestSources.wide(attributes: ["firmware"])) == [])
    // A number in the column of words, be the attribute still there or not.
    let number = try obstacles(
      TestSources.wide(
        metrics: ["firmware"], types: ["firmware": "battery_voltage_v"], attributes: []))
    #expect(number.count == 1)
    #expect(number[0].contains("firmware is string there and would be double"))
    #expect(number[0].contains("give the new one another name"))
  }
}
