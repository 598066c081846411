import Kafka
import Telemetry
import Testing

@testable import Ledger
@testable import Pipeline

@Suite struct PositionResolverTests {
  private func resolve(
    _ chain: ChainState.Partition, _ kafka: ClosedRange<Int64>,
    policy: PipelineOptions.PositionLostPolicy = .stop, damaged: Set<String> = []
  ) -> String {
    let resolver = PositionResolver(policy: policy, damagedStates: damaged)
    let verdict = resolver.resolve(
      TopicPartition(topic: "t", partition: 0),
      key: PartitionKey(topic: "t", incarnation: 0, partition: 0), sourceIndex: 0, chain: chain,
      kafka: OffsetRange(beginning: kafka.lowerBound, end: kafka.upperBound))
    func text(_ start: PartitionStart) -> String {
      "\(start.fetchFrom)/\(start.state?.cut ?? start.openedAt)/\(start.to)"
        + (start.witness == nil ? "" : " witness")
    }
    switch verdict {
    case .start(let start): return text(start)
    case .skip(let start, let to, let reason): return "\(text(start)) skip to \(to): \(reason)"
    case .stop(let reason): return "stop: \(reason)"
    }
  }

  /// A partition at 100 with snapshots at 60 and 90 and a witness at 99.
  private var chain: ChainState.Partition {
    var partition = ChainState.Partition(lastVersion: 5, to: 100, start: 10)
    partition.witness = Witness(offset: 99, timestampMicros: 0, checksum: 0)
    for cut in [Int64(60), 90] {
      partition.states.append(
        StateReference(path: "s\(cut)", cut: cut, byteCount: 0, checksum: 0))
    }
    return partition
  }

  @Test func `fetching begins at the newest snapshot or the witness, whichever is lower`() {
    #expect(resolve(chain, 0...200) == "90/90/100 witness")
    var caughtUp = chain
    caughtUp.states[1].cut = 100
    #expect(resolve(caughtUp, 0...200) == "99/100/100 witness")
    var fresh = chain
    fresh.states = []
    fresh.witness = nil
    #expect(resolve(fresh, 0...200) == "10/10/100")
  }

  @Test func `a damaged snapshot gives way to the older one, the only one to the beginning`() {
    #expect(resolve(chain, 0...200, damaged: ["s90"]) == "60/60/100 witness")
    var young = chain
    young.states.removeFirst()
    #expect(resolve(young, 0...200, damaged: ["s90"]) == "10/10/100 witness")
  }

  @Test func `a snapshot that holds a decision has no stand-in`() {
    for index in [0, 1] {
      var decided = chain
      decided.states[index].isNeeded = true
      let verdict = resolve(decided, 0...200, damaged: ["s90"])
      // An older one may be missed as long as the newer is whole.
      #expect(resolve(decided, 0...200, damaged: ["s60"]) == "90/90/100 witness")
      if index == 0 {
        #expect(verdict == "60/60/100 witness")
      } else {
        #expect(verdict.hasPrefix("stop: ") && verdict.contains("s90"), "\(verdict)")
        #expect(verdict.contains("restore it"), "\(verdict)")
      }
    }
    var young = chain
    young.states.removeFirst()
    young.states[0].isNeeded = true
    #expect(resolve(young, 0...200, damaged: ["s90"]).hasPrefix("stop: "))
  }

  @Test func `two damaged snapshots are a stop that names both, never a start from zero`() {
    let verdict = resolve(chain, 0...200, policy: .skipAndRecord, damaged: ["s90", "s60"])
    #expect(verdict.hasPrefix("stop: "))
    for words in ["s60", "s90", "restore one of them", "storage.root"] {
      #expect(verdict.contains(words), "\(verdict)")
    }
  }

  @Test func `retention may take the witness, not what the state needs`() {
    var caughtUp = chain
    caughtUp.states[1].cut = 100
    #expect(resolve(caughtUp, 100...200) == "100/100/100")
    #expect(resolve(chain, 90...200) == "90/90/100 witness")
    #expect(resolve(chain, 91...200).hasPrefix("stop: t[0]: offsets 90 to 91, needed to rebuild"))
    #expect(resolve(chain, 120...200).hasPrefix("stop: t[0]: offsets 100 to 120 were deleted"))
  }

  @Test func `a lost stretch is skipped when the configuration says so`() {
    #expect(
      resolve(chain, 120...200, policy: .skipAndRecord)
        == "120/90/100 witness skip to 120: retention")
    #expect(
      resolve(chain, 95...200, policy: .skipAndRecord) == "95/90/100 witness skip to 95: retention")
  }

  @Test func `an end below the committed offset is another topic, whatever the policy`() {
    for policy in [PipelineOptions.PositionLostPolicy.stop, .skipAndRecord] {
      #expect(
        resolve(chain, 0...99, policy: policy)
          .hasPrefix("stop: t[0]: it ends at offset 99, but 100"))
    }
    #expect(resolve(chain, 0...100) == "90/90/100 witness")
  }

  // MARK: - Gaps that the chain knows

  @Test func `what a known gap covers is not needed again`() {
    var skipped = chain
    skipped.to = 150
    skipped.gaps = [OffsetGap(from: 100, to: 150, reason: OffsetGap.skipped)]
    #expect(resolve(skipped, 90...200) == "90/90/150 witness")
    skipped.states[1].cut = 100
    // The state needs nothing before 150; only the witness is behind.
    #expect(resolve(skipped, 0...200) == "99/100/150 witness")
    #expect(resolve(skipped, 130...200) == "150/100/150")
    #expect(resolve(skipped, 150...200) == "150/100/150")
    #expect(resolve(skipped, 151...200).hasPrefix("stop: t[0]: offsets 150 to 151 were deleted"))
  }

  @Test func `only what no gap covers is lost`() {
    var lossy = chain
    lossy.gaps = [OffsetGap(from: 90, to: 95, reason: OffsetGap.state)]
    #expect(resolve(lossy, 95...200) == "95/90/100 witness")
    #expect(
      resolve(lossy, 96...200).hasPrefix("stop: t[0]: offsets 95 to 96, needed to rebuild"))
    #expect(
      resolve(lossy, 96...200, policy: .skipAndRecord)
        == "96/90/100 witness skip to 96: retention")
  }
}
