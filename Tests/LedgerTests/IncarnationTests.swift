import Base
import Storage
import Testing

@testable import Ledger

/// Next incarnations, other clusters and the gaps that the chain keeps.
@Suite struct IncarnationTests {
  private func apply(_ entry: LedgerEntry, to state: inout ChainState) {
    var entry = entry
    entry.version = state.nextVersion
    state.apply(entry)
  }

  /// Entry that opens incarnation 1 of the fixtures' topic.
  private func next(count: Int32 = 4, cluster: String = "cluster") -> LedgerEntry {
    var entry = Fixtures.entry(.open)
    entry.clusterID = cluster
    entry.openings = [Fixtures.opening(incarnation: 1, count: count, start: 5)]
    return entry
  }

  private func move(
    _ from: Int64, _ to: Int64, previous: Int64, incarnation: Int64 = 0
  ) -> PartitionMove {
    PartitionMove(
      key: Fixtures.key(0, incarnation: incarnation), previous: previous, from: from, to: to)
  }

  // MARK: - Incarnations

  @Test func `moves of the incarnation before end where the next begins`() {
    var state = Fixtures.openChain()
    apply(Fixtures.commit([move(0, 10, previous: 1)]), to: &state)
    apply(next(), to: &state)
    #expect(state.openKey(topic: "telemetry", partition: 0) == Fixtures.key(0, incarnation: 1))
    #expect(state.partitions[Fixtures.key(0, incarnation: 1)]?.to == 5)
    #expect(state.partitions[Fixtures.key(0)]?.to == 10, "what was read of the old one stays known")
    let late = Fixtures.commit([move(10, 20, previous: 2)])
    #expect(state.conflict(with: late)?.reason == "it is not open")
    #expect(
      state.conflict(with: Fixtures.commit([move(5, 20, previous: 3, incarnation: 1)])) == nil)
    #expect(state.nextIncarnation(of: "telemetry") == 2)
    #expect(state.nextIncarnation(of: "other") == 0)
  }

  @Test func `an incarnation may have fewer partitions, or none yet`() {
    for count in [Int32(0), 2] {
      var state = Fixtures.openChain()
      apply(next(count: count), to: &state)
      #expect(state.openKey(topic: "telemetry", partition: count) == nil)
      var growth = Fixtures.entry(.open)
      growth.openings = [Fixtures.opening(incarnation: 1, count: 4, first: count)]
      #expect(state.conflict(with: growth) == nil)
    }
  }

  @Test func `one entry opens a topic once`() {
    var entry = next()
    entry.openings.append(Fixtures.opening(incarnation: 1))
    #expect(
      Fixtures.openChain().conflict(with: entry)?.reason == "the entry opens its topic twice")
  }

  /// The old topic's owner was asleep while a person decided.
  @Test func `a zombie of the old incarnation cannot commit`() throws {
    let storage = MemoryStorage()
    let zombie = Writer(storage, name: "zombie")
    try zombie.begin()
    let ready = zombie.move(0, by: 10)
    let person = Writer(storage, name: "person")
    try person.ledger.open()
    var opening = person.draft(.open)
    opening.openings = [Fixtures.opening(incarnation: 1)]
    _ = try person.ledger.put(opening)
    do {
      try zombie.commit([ready])
      Issue.record("the zombie's entry went in")
    } catch .conflict(let conflict) {
      #expect(conflict.key == Fixtures.key(0))
    }
    let reader = Writer(storage, name: "reader")
    try reader.ledger.open()
    #expect(reader.ledger.state.partitions[Fixtures.key(0)]?.to == 0)
  }

  // MARK: - Clusters

  @Test func `an entry of another cluster must renew every topic`() {
    let state = Fixtures.openChain()
    var commit = Fixtures.commit([move(0, 10, previous: 1)])
    commit.clusterID = "other"
    #expect(
      state.conflict(with: commit)?.reason
        == "it is of cluster other, the chain's offsets are of cluster cluster")
    var configure = Fixtures.entry(.configure)
    configure.clusterID = "other"
    #expect(state.conflict(with: configure) != nil)
    #expect(state.conflict(with: next(cluster: "other")) == nil)
    var unnamed = Fixtures.commit([move(0, 10, previous: 1)])
    unnamed.clusterID = nil
    #expect(state.conflict(with: unnamed) == nil, "brokers need not tell their cluster")
  }

  @Test func `a second topic that stays behind keeps the other cluster out`() {
    var state = Fixtures.openChain()
    var second = Fixtures.entry(.open)
    second.openings = [
      TopicOpening(
        topic: "samples", incarnation: 0, partitionCount: 1, firstPartition: 0, startOffsets: [0])
    ]
    apply(second, to: &state)
    #expect(state.conflict(with: next(cluster: "other")) != nil)
    var both = next(cluster: "other")
    both.openings.append(
      TopicOpening(
        topic: "samples", incarnation: 1, partitionCount: 0, firstPartition: 0, startOffsets: []))
    #expect(state.conflict(with: both) == nil)
    apply(both, to: &state)
    #expect(state.clusterID == "other")
    #expect(state.conflict(with: Fixtures.commit([])) != nil, "the old cluster's are out")
  }

  // MARK: - Gaps

  private func gap(_ from: Int64, _ to: Int64, _ reason: String = "retention") -> OffsetGap {
    OffsetGap(from: from, to: to, reason: reason)
  }

  @Test(arguments: [
    ([(0, 5), (5, 10)], 0, nil), ([(5, 10), (0, 5)], 0, "gap 0 to 5"),
    ([(0, 6), (5, 10)], 0, "gap 5 to 10"), ([(5, 5)], 0, "gap 5 to 5"),
    ([(5, 11)], 0, "gap 5 to 11"), ([(0, 9)], 1, nil), ([(0, 10)], 1, "more offsets"),
    ([(-3, 2)], 0, "gap -3 to 2"), ([], 11, "more offsets"),
  ] as [([(Int64, Int64)], Int64, String?)])
  func `gaps are in order, within the move, and leave room for the rest`(
    gaps: [(Int64, Int64)], notDelivered: Int64, fault: String?
  ) {
    var step = move(0, 10, previous: 1)
    step.gaps = gaps.map { gap($0.0, $0.1) }
    step.notDelivered = notDelivered
    let reason = Fixtures.openChain().conflict(with: Fixtures.commit([step]))?.reason
    if let fault { #expect(reason?.contains(fault) == true) } else { #expect(reason == nil) }
  }

  @Test func `refused offsets are kept while a replay can meet them`() throws {
    var state = Fixtures.openChain()
    var kept: [[Range<Int64>]] = []
    for step in Int64(0)..<5 {
      var next = move(step * 100, step * 100 + 100, previous: step + 1)
      for offset in [Int64(0), 50, 51, 99] { next.unknownSchemas.insert(step * 100 + offset) }
      if step == 1 || step > 2 { next.state = Fixtures.state("s\(step)", cut: step * 100 + 50) }
      apply(Fixtures.commit([next]), to: &state)
      kept.append(state.partitions[Fixtures.key(0)]?.unknownSchemas.runs ?? [])
      #expect(try ChainState(json: state.json, path: "p") == state)
    }
    #expect(kept[1] == [0..<1, 50..<52, 99..<101, 150..<152, 199..<200])
    #expect(kept[3].first == 150..<152, "below the older of two states nothing is replayed")
    #expect(kept[4].first == 350..<352)
    var foreign = move(500, 600, previous: 6)
    foreign.unknownSchemas.insert(499)
    let conflict = state.conflict(with: Fixtures.commit([foreign]))
    #expect(conflict?.reason.contains("not its own") == true)
  }

  @Test func `gaps are kept while a replay can meet them`() {
    var state = Fixtures.openChain()
    var kept: [[String]] = []
    for step in Int64(0)..<5 {
      var next = move(step * 100, step * 100 + 100, previous: step + 1)
      next.gaps = [gap(step * 100 + 10, step * 100 + 20, step == 1 ? "skipped" : "retention")]
      if step > 0 { next.state = Fixtures.state("s\(step)", cut: step * 100 + 100) }
      apply(Fixtures.commit([next]), to: &state)
      kept.append((state.partitions[Fixtures.key(0)]?.gaps ?? []).map { "\($0.from)" })
    }
    #expect(
      kept == [
        ["10"], ["10", "110"], ["110", "210"], ["110", "310"], ["110", "410"],
      ])
  }

  @Test func `a gap in a summary and in an entry comes back as it was`() throws {
    var step = move(0, 10, previous: 1)
    step.gaps = [
      gap(0, 4), OffsetGap(from: 4, to: 6, reason: OffsetGap.skipped, decidedBy: .person),
    ]
    var state = Fixtures.openChain()
    var entry = Fixtures.commit([step])
    entry.version = 2
    apply(entry, to: &state)
    let text = state.json.text
    #expect(try ChainState(json: JSONValue(parsing: text), path: "summary") == state)
    #expect(try LedgerEntry(parsing: entry.json.bytes, path: "e", version: 2) == entry)
    let unknown = entry.json.text.replacing("\"operator\"", with: "\"oracle\"")
    #expect(throws: LedgerError.self) {
      try LedgerEntry(parsing: Array(unknown.utf8), path: "e", version: 2)
    }
  }

  @Test func `offsets that no gap covers`() {
    let gaps = [gap(10, 20), gap(20, 25), gap(40, 50)]
    #expect(gaps.end(from: 9) == 9)
    #expect(gaps.end(from: 10) == 25)
    #expect(gaps.end(from: 49) == 50)
    #expect(gaps.uncovered(in: 0..<60) == [0..<10, 25..<40, 50..<60])
    #expect(gaps.uncovered(in: 12..<24) == [])
    #expect(gaps.uncovered(in: 15..<41) == [25..<40])
  }
}
