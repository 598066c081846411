import Base
import Storage
import Testing

@testable import Ledger

@Suite struct ReplayEntryTests {
  private static func replay(after previous: Int64, version: Int64 = 0) -> LedgerEntry {
    var entry = Fixtures.entry(.replay)
    entry.version = version
    entry.replay = ReplayStep(previous: previous)
    return entry
  }

  @Test func `a replay names the last replay before it`() {
    var chain = Fixtures.openChain()
    #expect(chain.conflict(with: Self.replay(after: 1)) != nil, "nothing was replayed yet")
    #expect(chain.conflict(with: Self.replay(after: ReplayStep.none)) == nil)
    chain.apply(Self.replay(after: ReplayStep.none, version: 2))
    #expect(chain.lastReplay == 2)
    #expect(chain.conflict(with: Self.replay(after: ReplayStep.none)) != nil)
    #expect(chain.conflict(with: Self.replay(after: 2)) == nil)
  }

  @Test func `a replay moves nothing, and nothing else is a replay`() {
    let chain = Fixtures.openChain()
    var moving = Self.replay(after: ReplayStep.none)
    moving.partitions = [PartitionMove(key: Fixtures.key(0), previous: 1, from: 0, to: 5)]
    #expect(chain.conflict(with: moving) != nil)
    var opening = Self.replay(after: ReplayStep.none)
    opening.openings = [Fixtures.opening(incarnation: 1)]
    #expect(chain.conflict(with: opening) != nil)
    var commit = Fixtures.commit([
      PartitionMove(key: Fixtures.key(0), previous: 1, from: 0, to: 5)
    ])
    #expect(chain.conflict(with: commit) == nil)
    commit.replay = ReplayStep(previous: ReplayStep.none)
    #expect(chain.conflict(with: commit) != nil)
    #expect(chain.conflict(with: Fixtures.entry(.replay)) != nil, "it does not say of what")
  }

  @Test func `commits and replays do not disturb each other`() throws {
    let storage = MemoryStorage()
    let pipeline = Writer(storage, name: "pipeline")
    try pipeline.begin()
    let replays = Writer(storage, name: "replay")
    try replays.begin()
    for _ in 0..<3 {
      try pipeline.commit([pipeline.move(0, by: 5)])
      var entry = replays.draft(.replay)
      entry.replay = ReplayStep(previous: replays.ledger.state.lastReplay)
      _ = try replays.ledger.put(entry)
    }
    try pipeline.ledger.refresh()
    #expect(pipeline.ledger.state.lastReplay == pipeline.ledger.state.lastVersion)
    #expect(pipeline.ledger.state.partitions[Fixtures.key(0)]?.to == 15)
  }

  @Test func `of two replays at once one is refused`() throws {
    let storage = MemoryStorage()
    let first = Writer(storage, name: "first")
    try first.begin()
    let second = Writer(storage, name: "second")
    try second.begin()
    var entry = first.draft(.replay)
    entry.replay = ReplayStep(previous: ReplayStep.none)
    _ = try first.ledger.put(entry)
    var late = second.draft(.replay)
    late.replay = ReplayStep(previous: ReplayStep.none)
    let error = #expect(throws: LedgerError.self) { _ = try second.ledger.put(late) }
    guard case .conflict(let conflict)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(conflict.key == nil)
    #expect(second.ledger.state.lastReplay == first.ledger.state.lastVersion)
  }

  @Test func `entries and summaries keep the replay through their text`() throws {
    let entry = Self.replay(after: 7, version: 9)
    let read = try LedgerEntry(parsing: entry.fileBytes, path: "e", version: 9)
    #expect(read == entry)
    var chain = Fixtures.openChain()
    #expect(try ChainState(json: chain.json, path: "s") == chain)
    chain.apply(Self.replay(after: ReplayStep.none, version: 2))
    #expect(try ChainState(json: chain.json, path: "s") == chain)
    let text = chain.json.text.replacing(#""last_replay":2"#, with: #""last_replay":3"#)
    #expect(throws: LedgerError.self) {
      try ChainState(json: JSONValue(parsing: text), path: "s")
    }
  }
}
