import Base
import DeltaLog
import Ledger
import Logging
import Storage
import Testing

@testable import Maintenance

/// The proof of an orphan, against every order of events.
@Suite struct OrphanTests {
  /// An attempt of somebody to commit, who may have been asleep for any time.
  private struct Attempt {
    var entry: LedgerEntry
    var file: String
    var states: [String]
  }

  private func chain(partitions: Int32) -> ChainState {
    var state = ChainState(pipeline: "fleet")
    var create = draft(.create, 1)
    create.version = 0
    state.apply(create)
    var open = draft(.open, 2)
    open.version = 1
    open.openings = [
      TopicOpening(
        topic: "t", incarnation: 0, partitionCount: partitions, firstPartition: 0,
        startOffsets: Array(repeating: 0, count: Int(partitions)))
    ]
    state.apply(open)
    return state
  }

  private func draft(_ kind: LedgerEntry.Kind, _ counter: Int64) -> LedgerEntry {
    LedgerEntry(
      kind: kind, commitID: CommitID(incarnation: "0f-ab", counter: counter), ledgerID: "1234",
      pipeline: "fleet", clusterID: nil, configFingerprint: "", program: "", writtenAtMicros: 0)
  }

  /// An attempt on some partitions, based on what the chain says now.
  private func attempt(
    _ state: ChainState, _ keys: [PartitionKey], _ counter: Int64
  ) -> Attempt {
    var entry = draft(.commit, counter)
    var base: Int64 = 0
    var states: [String] = []
    for key in keys {
      guard let partition = state.partitions[key] else { continue }
      base = max(base, partition.lastVersion)
      entry.partitions.append(
        PartitionMove(
          key: key, previous: partition.lastVersion, from: partition.to, to: partition.to + 1))
      states.append(
        "fleet-v\(partition.lastVersion)-\(entry.commitID)-\(key.topic)-\(key.incarnation)"
          + "-\(key.partition).state")
    }
    return Attempt(
      entry: entry, file: "fleet-v\(base)-\(entry.commitID)-0.parquet", states: states)
  }

  @Test func `no entry ever names a file that was called an orphan, in any order`() {
    let seed = UInt64.random(in: 0..<(1 << 32))
    var random = SplitMix64(seed: seed)
    var orphanCount = 0
    for round in 0..<200 {
      var state = chain(partitions: 4)
      var sleeping: [Attempt] = []
      var named: Set<String> = []
      var orphans: Set<String> = []
      for step in 0..<120 {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<4:
          let keys = state.partitions.keys.sorted().filter { _ in
            Bool.random(using: &random)
          }
          if !keys.isEmpty { sleeping.append(attempt(state, keys, Int64(10 + step))) }
        case 4..<7 where !sleeping.isEmpty:
          var one = sleeping.remove(at: Int.random(in: 0..<sleeping.count, using: &random))
          guard state.conflict(with: one.entry) == nil else { continue }
          one.entry.version = state.nextVersion
          state.apply(one.entry)
          let names = [one.file] + one.states
          #expect(orphans.isDisjoint(with: names), "seed \(seed), round \(round), step \(step)")
          named.formUnion(names)
        case 7 where step.isMultiple(of: 40):
          // The topic is made anew: nothing of before moves any more.
          var open = draft(.open, Int64(1000 + step))
          open.version = state.nextVersion
          open.openings = [
            TopicOpening(
              topic: "t", incarnation: state.nextIncarnation(of: "t"), partitionCount: 4,
              firstPartition: 0, startOffsets: [0, 0, 0, 0])
          ]
          if state.conflict(with: open) == nil { state.apply(open) }
        default:
          let proof = OrphanProof(state)
          for one in sleeping {
            if OrphanVerdict(
              name: one.file, pipeline: "fleet", proof: proof, isCaughtUp: true, version: 0)
              .isOrphan
            {
              orphans.insert(one.file)
            }
            for name in one.states {
              guard let own = OwnName.state(name, pipeline: "fleet") else {
                Issue.record("\(name) is not read back")
                continue
              }
              if proof.holds(for: own) { orphans.insert(name) }
            }
          }
        }
      }
      orphanCount += orphans.count
    }
    #expect(orphanCount > 1000, "the proof finds nothing; seed \(seed)")
  }

  @Test func `without the chain, or with a table behind it, nothing of a commit is proven`() {
    let proof = OrphanProof(chain(partitions: 1))
    func verdict(_ proof: OrphanProof?, _ isCaughtUp: Bool) -> OrphanVerdict {
      OrphanVerdict(
        name: "fleet-v0-0f-ab-7-0.parquet", pipeline: "fleet", proof: proof,
        isCaughtUp: isCaughtUp, version: 9)
    }
    // Replays of dead letters are based on entry 0 before the first of them.
    #expect(verdict(proof, true) == .undecided)
    #expect(verdict(nil, true) == .undecided && verdict(proof, false) == .undecided)
  }

  @Test func `a file of maintenance is proven by the log alone, a thousand versions on`() {
    func verdict(_ version: Int64) -> OrphanVerdict {
      OrphanVerdict(
        name: "fleet-m41-0f89204e-3ceb-443c-98f4-91e008eede9e-3.parquet", pipeline: "fleet",
        proof: nil, isCaughtUp: false, version: version)
    }
    #expect(verdict(41) == .undecided && verdict(1040) == .undecided)
    #expect(verdict(1041).isOrphan && verdict(5000).isOrphan)
  }

  @Test(arguments: [
    "part-00000-1234.parquet", "other-v1-0f-ab-7-0.parquet", "fleet-vx-0f-ab-7-0.parquet",
    "fleet-v1-0f-ab-7-0.parquet.crc", "fleet-m-a-0.parquet", "fleet2-m1-a-0.parquet", "readme",
  ])
  func `names of others are foreign, whatever they look like`(name: String) {
    let verdict = OrphanVerdict(
      name: name, pipeline: "fleet", proof: OrphanProof(chain(partitions: 1)), isCaughtUp: true,
      version: 1 << 40)
    #expect(verdict == .foreign)
  }

  @Test func `names of maintenance and of commits are told apart`() {
    #expect(OwnName.maintained("a-b-m7-x-y-0.parquet", pipeline: "a-b")?.baseVersion == 7)
    #expect(OwnName.maintained("a-b-v7-x-y-0.parquet", pipeline: "a-b") == nil)
    #expect(OwnName.data("a-b-m7-x-y-0.parquet", pipeline: "a-b") == nil)
    // A pipeline whose name goes on where ours ends.
    #expect(OwnName.maintained("a-m1-m7-x-y-0.parquet", pipeline: "a-m1")?.baseVersion == 7)
  }

  @Test func `growth is a rate over what is known, and nothing before the first hour`() {
    var record = GrowthRecord()
    let hour: Int64 = 3_600_000
    record.note(1000, atMillis: 0)
    record.note(5000, atMillis: hour / 2)
    #expect(record.perDay == nil)
    record.note(11_000, atMillis: hour)
    #expect(record.perDay == 240_000)
    for step in 1..<2000 { record.note(11_000, atMillis: hour + Int64(step) * hour / 10) }
    // A week later nothing is left of the first hour.
    #expect(record.perDay == 0)
    record.note(9000, atMillis: 5)
    #expect(record.perDay == nil)
  }

  @Test func `what is left is the less of budget and disk`() {
    var use = StorageUse(usedByteCount: 700, growthPerDay: 100)
    #expect(use.daysLeft == nil && !use.isAboveWarning)
    use.freeByteCount = 1000
    #expect(use.daysLeft == 10)
    use.budgetByteCount = 1000
    use.warningByteCount = 800
    #expect(use.daysLeft == 3 && !use.isAboveWarning && use.budgetShare == 0.7)
    use.usedByteCount = 1000
    #expect(use.isAboveWarning && use.isAboveBudget && use.daysLeft == 0)
    use.growthPerDay = -5
    #expect(use.daysLeft == nil)
  }
}

extension OrphanVerdict {
  fileprivate var isOrphan: Bool {
    if case .orphan = self { return true }
    return false
  }
}
