import Base
import Testing

@testable import Ledger

@Suite struct ChainStateTests {
  /// Applies an entry at the chain's end.
  private func apply(_ entry: LedgerEntry, to state: inout ChainState) {
    var entry = entry
    entry.version = state.nextVersion
    state.apply(entry)
  }

  private func move(
    _ partition: Int32 = 0, previous: Int64 = 1, from: Int64 = 0, to: Int64
  ) -> PartitionMove {
    PartitionMove(key: Fixtures.key(partition), previous: previous, from: from, to: to)
  }

  // MARK: - Moves

  @Test func `moves follow each other without hole or overlap`() {
    var state = Fixtures.openChain()
    apply(Fixtures.commit([move(to: 10)]), to: &state)
    #expect(state.partitions[Fixtures.key(0)]?.to == 10)
    #expect(state.partitions[Fixtures.key(0)]?.lastVersion == 2)
    #expect(state.conflict(with: Fixtures.commit([move(previous: 2, from: 10, to: 11)])) == nil)
    for from in [Int64(9), 11] {
      let conflict = state.conflict(with: Fixtures.commit([move(previous: 2, from: from, to: 20)]))
      #expect(
        conflict?.reason == "the chain stands at offset 10, the move starts at \(from)")
    }
  }

  @Test func `a move names the version that last touched its partition`() {
    var state = Fixtures.openChain()
    apply(Fixtures.commit([move(to: 10)]), to: &state)
    // An empty move touches too: who did not see it may not go on.
    apply(Fixtures.commit([move(previous: 2, from: 10, to: 10)]), to: &state)
    let conflict = state.conflict(with: Fixtures.commit([move(previous: 2, from: 10, to: 20)]))
    #expect(conflict?.key == Fixtures.key(0))
    #expect(conflict?.reason == "entry 3 moved it since entry 2")
  }

  @Test func `disjoint partitions never disturb each other`() {
    var state = Fixtures.openChain()
    apply(Fixtures.commit([move(0, to: 10)]), to: &state)
    #expect(state.conflict(with: Fixtures.commit([move(1, to: 5)])) == nil)
  }

  @Test func `an entry stands or falls whole`() {
    var state = Fixtures.openChain()
    apply(Fixtures.commit([move(1, to: 5)]), to: &state)
    let entry = Fixtures.commit([move(0, to: 10), move(1, to: 10)])
    #expect(state.conflict(with: entry)?.key == Fixtures.key(1))
  }

  @Test func `one entry moves a partition once`() {
    let state = Fixtures.openChain()
    let entry = Fixtures.commit([move(to: 10), move(to: 10)])
    #expect(state.conflict(with: entry)?.reason == "the entry moves it twice")
  }

  @Test func `a move never goes back`() {
    var state = Fixtures.openChain()
    apply(Fixtures.commit([move(to: 10)]), to: &state)
    let conflict = state.conflict(with: Fixtures.commit([move(previous: 2, from: 10, to: 9)]))
    #expect(conflict?.reason == "it would go back from 10 to 9")
  }

  @Test func `a state's cut lies at most at the end of its move`() {
    let state = Fixtures.openChain()
    var ahead = move(to: 10)
    ahead.state = Fixtures.state("a", cut: 11)
    #expect(
      state.conflict(with: Fixtures.commit([ahead]))?.reason == "its state's cut 11 lies beyond 10")
    ahead.state = Fixtures.state("a", cut: 10)
    #expect(state.conflict(with: Fixtures.commit([ahead])) == nil)
  }

  @Test func `only open partitions of the newest incarnation move`() {
    var state = Fixtures.openChain(count: 2)
    #expect(state.conflict(with: Fixtures.commit([move(2, to: 1)]))?.reason == "it is not open")
    var reopen = Fixtures.entry(.open)
    reopen.openings = [Fixtures.opening(incarnation: 1, count: 1)]
    apply(reopen, to: &state)
    #expect(state.conflict(with: Fixtures.commit([move(0, to: 1)]))?.reason == "it is not open")
    let key = Fixtures.key(0, incarnation: 1)
    let fresh = PartitionMove(key: key, previous: 2, from: 0, to: 1)
    #expect(state.conflict(with: Fixtures.commit([fresh])) == nil)
  }

  @Test func `the newest two snapshots are known, newest last`() {
    var state = Fixtures.openChain()
    for step in 1...3 {
      var next = move(previous: Int64(step), from: Int64(step - 1) * 10, to: Int64(step) * 10)
      next.state = Fixtures.state("s\(step)", cut: Int64(step) * 10)
      apply(Fixtures.commit([next]), to: &state)
    }
    #expect(state.partitions[Fixtures.key(0)]?.states.map(\.path) == ["_state/s2", "_state/s3"])
  }

  @Test func `witness and clock stay until a move brings new ones`() {
    var state = Fixtures.openChain()
    var first = move(to: 10)
    first.witness = Witness(offset: 9, timestampMicros: 5, checksum: 7)
    first.clockMicros = 5
    apply(Fixtures.commit([first]), to: &state)
    apply(Fixtures.commit([move(previous: 2, from: 10, to: 12)]), to: &state)
    #expect(state.partitions[Fixtures.key(0)]?.witness == first.witness)
    #expect(state.partitions[Fixtures.key(0)]?.clockMicros == 5)
  }

  @Test func `skipped and undelivered offsets add up, replayed gaps do not count`() {
    var state = Fixtures.openChain()
    apply(Fixtures.commit([move(to: 100)]), to: &state)
    var next = move(previous: 2, from: 100, to: 150)
    next.notDelivered = 3
    next.gaps = [
      OffsetGap(from: 80, to: 100, reason: "state"),
      OffsetGap(from: 100, to: 120, reason: "retention"),
    ]
    apply(Fixtures.commit([next]), to: &state)
    #expect(state.partitions[Fixtures.key(0)]?.skippedCount == 20)
    #expect(state.partitions[Fixtures.key(0)]?.notDeliveredCount == 3)
  }

  // MARK: - Openings

  private func conflict(_ opening: TopicOpening, in state: ChainState) -> String? {
    var entry = Fixtures.entry(.open)
    entry.openings = [opening]
    return state.conflict(with: entry)?.reason
  }

  @Test func `the first opening is incarnation 0 from partition 0`() {
    let state = ChainState(pipeline: "fleet")
    #expect(conflict(Fixtures.opening(), in: state) == nil)
    #expect(conflict(Fixtures.opening(incarnation: 1), in: state) == "its topic is not open yet")
    #expect(conflict(Fixtures.opening(first: 1), in: state) == "its topic is not open yet")
  }

  @Test func `a topic grows by the partitions beyond its count`() {
    var state = Fixtures.openChain(count: 2)
    #expect(conflict(Fixtures.opening(count: 4), in: state) == "2 partitions are open already")
    #expect(
      conflict(Fixtures.opening(count: 4, first: 1), in: state) == "2 partitions are open already")
    let growth = Fixtures.opening(count: 4, first: 2, start: 7)
    #expect(conflict(growth, in: state) == nil)
    var entry = Fixtures.entry(.open)
    entry.openings = [growth]
    apply(Fixtures.commit([move(1, to: 5)]), to: &state)
    apply(entry, to: &state)
    #expect(state.partitions[Fixtures.key(1)]?.to == 5)
    #expect(state.partitions[Fixtures.key(3)]?.to == 7)
    #expect(state.partitions[Fixtures.key(3)]?.lastVersion == 3)
    #expect(state.openKey(topic: "telemetry", partition: 3) == Fixtures.key(3))
    #expect(state.openKey(topic: "telemetry", partition: 4) == nil)
    #expect(state.openKey(topic: "other", partition: 0) == nil)
  }

  @Test func `a re-created topic is the next incarnation, whole`() {
    let state = Fixtures.openChain(count: 2)
    #expect(conflict(Fixtures.opening(incarnation: 1), in: state) == nil)
    for opening in [
      Fixtures.opening(incarnation: 2), Fixtures.opening(incarnation: 1, first: 1),
    ] {
      #expect(conflict(opening, in: state) == "incarnation 0 is open already")
    }
  }

  // MARK: - Tables and counters

  @Test func `tables remember their last version and schema, counters add up`() {
    var state = Fixtures.openChain()
    var configure = Fixtures.entry(.configure)
    configure.tables = [
      TableActions(table: "t", actions: [["metaData": ["schemaString": "S1"]], ["add": []]])
    ]
    configure.counters = [Counter(name: "readings", value: 2)]
    apply(configure, to: &state)
    var commit = Fixtures.commit([])
    commit.tables = [TableActions(table: "t", actions: [["add": []]])]
    commit.counters = [Counter(name: "readings", value: 3)]
    apply(commit, to: &state)
    #expect(state.tables["t"] == ChainState.Table(lastVersion: 3, schemaText: "S1"))
    #expect(state.counters == ["readings": 5])
  }

  @Test func `the summary's text brings the whole state back`() throws {
    var state = Fixtures.openChain()
    var full = move(to: 10)
    full.witness = Witness(offset: 9, timestampMicros: -5, checksum: .max)
    full.clockMicros = 77
    full.state = Fixtures.state("a", cut: 10)
    full.gaps = [OffsetGap(from: 0, to: 4, reason: "retention")]
    full.notDelivered = 1
    var entry = Fixtures.commit([full])
    entry.tables = [TableActions(table: "t", actions: [["metaData": ["schemaString": "S"]]])]
    entry.counters = [Counter(name: "readings", value: 5)]
    apply(entry, to: &state)
    let text = state.json.text
    #expect(try ChainState(json: JSONValue(parsing: text), path: "summary") == state)
  }

  // MARK: - Partitions that were found idle

  private func idle(_ partition: Int32 = 0, at offset: Int64) -> Decision {
    Decision(kind: .partitionIdle, key: Fixtures.key(partition), offset: offset)
  }

  @Test func `a decision is part of a move`() {
    let state = Fixtures.openChain()
    var entry = Fixtures.commit([move(to: 10)])
    for offset in [Int64(0), 7, 10] {
      entry.decisions = [idle(at: offset)]
      #expect(state.conflict(with: entry) == nil)
    }
    for decision in [idle(at: 11), idle(1, at: 5)] {
      entry.decisions = [decision]
      #expect(state.conflict(with: entry)?.reason.contains("outside its move") == true)
    }
  }

  @Test func `where a partition was idle is known for as long as a replay may meet it`() throws {
    var state = Fixtures.openChain()
    var kept: [[Int64]] = []
    var previous: Int64 = 1
    for step in Int64(0)..<4 {
      var next = move(previous: previous, from: step * 10, to: step * 10 + 10)
      next.state = Fixtures.state("\(step)", cut: next.to)
      var entry = Fixtures.commit([next])
      entry.decisions = [idle(at: next.to), idle(at: next.to)]
      previous = state.nextVersion
      apply(entry, to: &state)
      kept.append(state.partitions[Fixtures.key(0)]?.idleOffsets ?? [])
      let read = try ChainState(json: state.json, path: "summary")
      #expect(read == state)
    }
    #expect(kept == [[10], [10, 20], [20, 30], [30, 40]])
  }
}
