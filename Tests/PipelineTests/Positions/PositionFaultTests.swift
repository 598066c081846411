import Kafka
import Telemetry
import Testing

@testable import Ledger
@testable import Pipeline

/// Every way in which chain and brokers can disagree, and what is said of it.
@Suite struct PositionFaultTests {
  /// A partition at 100, opened at 10, with its last record at 99 and gaps where a test wants them.
  private func chain(
    to: Int64 = 100, start: Int64 = 10, hasWitness: Bool = true, gaps: [(Int64, Int64)] = []
  ) -> ChainState.Partition {
    var partition = ChainState.Partition(lastVersion: 5, to: to, start: start)
    if hasWitness {
      partition.witness = Witness(offset: to - 1, timestampMicros: 0, checksum: 0)
    }
    partition.gaps = gaps.map { OffsetGap(from: $0.0, to: $0.1, reason: OffsetGap.state) }
    return partition
  }

  private func find(
    _ chain: ChainState.Partition, _ beginning: Int64, _ end: Int64, neededFrom: Int64 = 90,
    witness: WitnessAnswer = .notAsked
  ) -> PositionFault? {
    PositionFault.find(
      chain, neededFrom: neededFrom, kafka: OffsetRange(beginning: beginning, end: end),
      witness: witness)
  }

  // MARK: - Finding

  @Test func `what is there is fine, up to the very edge`() {
    for (beginning, end) in [(Int64(0), Int64(200)), (90, 100), (0, 100)] {
      for witness in [WitnessAnswer.notAsked, .same, .absent] {
        #expect(find(chain(), beginning, end, witness: witness) == nil)
      }
    }
    #expect(find(chain(), 100, 100, neededFrom: 100) == nil, "empty by retention, nothing missed")
  }

  @Test func `retention before the position is told from retention before the state`() {
    #expect(find(chain(), 101, 200) == .unreadLost(100..<101, isUntouched: false))
    #expect(find(chain(), 100, 200) == .stateLost(90..<100))
    #expect(find(chain(), 91, 200) == .stateLost(90..<91))
    #expect(find(chain(), 91, 200, neededFrom: 91) == nil)
  }

  @Test func `a partition never read says so when its beginning has passed its start`() {
    let untouched = chain(to: 10, start: 10, hasWitness: false)
    #expect(
      find(untouched, 50, 60, neededFrom: 10) == .unreadLost(10..<50, isUntouched: true))
    #expect(find(untouched, 10, 10, neededFrom: 10) == nil)
    // Read, but nothing was ever delivered: only markers.
    let silent = chain(to: 20, start: 10, hasWitness: false)
    #expect(find(silent, 50, 60, neededFrom: 20) == .unreadLost(20..<50, isUntouched: false))
  }

  @Test func `a shorter log comes before everything else, another record before retention`() {
    #expect(find(chain(), 0, 99) == .endsBelow(end: 99, committed: 100))
    #expect(
      find(chain(), 0, 99, witness: .other(offset: 99)) == .endsBelow(end: 99, committed: 100))
    #expect(find(chain(), 0, 0) == .endsBelow(end: 0, committed: 100), "a new, empty topic")
    #expect(find(chain(), 95, 200, witness: .other(offset: 99)) == .otherRecord(offset: 99))
  }

  @Test func `a partition that the brokers do not know is unknown`() {
    #expect(PositionFault.find(chain(), neededFrom: 90, kafka: nil) == .unknown)
  }

  @Test func `known gaps are not lost a second time`() {
    #expect(find(chain(gaps: [(90, 95)]), 95, 200) == nil)
    #expect(find(chain(gaps: [(90, 95)]), 97, 200) == .stateLost(95..<97))
    #expect(find(chain(gaps: [(92, 95)]), 94, 200) == .stateLost(90..<94))
  }

  // MARK: - What follows

  private static let all: [PositionFault] = [
    .unreadLost(100..<120, isUntouched: false), .unreadLost(10..<50, isUntouched: true),
    .stateLost(90..<95), .endsBelow(end: 99, committed: 100), .otherRecord(offset: 99),
    .fewerPartitions(count: 2, open: 4), .otherCluster(found: "b", expected: "a"), .unknown,
  ]

  @Test func `only retention may be passed over by a setting`() {
    #expect(Self.all.map(\.isRetention) == [true, true, true, false, false, false, false, false])
    #expect(Self.all.map(\.isRecreation) == [false, false, false, true, true, true, false, false])
    #expect(
      Self.all.map(\.word) == [
        "retention", "retention", "state-lost", "shorter", "re-created", "re-created",
        "other-cluster", "unknown",
      ])
  }

  @Test func `sentences name the partition, the offsets and what to run`() {
    let name = TopicPartition(topic: "telemetry", partition: 3)
    let skip = "downlinkd offsets skip --config FILE"
    let parts: [[String]] = [
      ["offsets 100 to 120 were deleted before", "--topic telemetry --partition 3 --to-beginning"],
      ["offsets 10 to 50 were deleted", "nothing of the partition was ever read"],
      ["offsets 90 to 95, needed to rebuild the windows", "--to-beginning", "skip_and_record"],
      ["ends at offset 99, but 100 is committed", "truncated", "nothing in the log tells apart"],
      ["offset 99 holds another record", "\(skip) --topic telemetry --recreated"],
      ["2 partitions, but 4 are open"], ["cluster b", "cluster a", "\(skip) --other-cluster"],
      ["know no such topic or partition"],
    ]
    for (fault, parts) in zip(Self.all, parts) {
      let sentence = fault.sentence(name)
      #expect(sentence.hasPrefix("telemetry[3]: "))
      for part in parts { #expect(sentence.contains(part), "\(sentence)") }
    }
    let shorter = PositionFault.endsBelow(end: 99, committed: 100).sentence(name)
    #expect(shorter.contains("--recreated") && shorter.contains("--truncated"))
    #expect(PositionFault.unknown.sentence(topic: "telemetry").hasPrefix("telemetry: "))
  }
}
