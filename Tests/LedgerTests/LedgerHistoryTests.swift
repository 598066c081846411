import Base
import Storage
import Testing

@testable import Ledger

/// Random histories of two writers that believe to own the same partitions, over storage whose
/// answers get lost: what is committed must cover every offset once.
@Suite struct LedgerHistoryTests {
  private static let partitionCount: Int32 = 3

  @Test(arguments: 0..<24 as Range<UInt64>)
  func `committed ranges cover every offset once`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let storage = MemoryStorage()
    var writers = ["a0", "b0"].map { Writer(storage, name: $0) }
    for writer in writers { try writer.begin(partitionCount: Self.partitionCount) }
    var committed: [PartitionKey: [Range<Int64>]] = [:]
    var names: Set<CommitID> = []

    for step in 0..<150 {
      let index = Int.random(in: 0..<2, using: &random)
      planFault(storage, &random)
      do {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: try writers[index].ledger.refresh()
        case 1: throw LedgerError.missingEntry(version: -1)  // A crash: start again.
        default:
          let moves = Self.moves(of: writers[index], &random)
          if let entry = try writers[index].commit(moves) {
            for move in entry.partitions {
              committed[move.key, default: []].append(move.from..<move.to)
            }
            names.insert(entry.commitID)
          }
          try writers[index].summarize()
        }
      } catch {
        writers[index] = try Self.recovered(storage, name: "\(index)-\(step)")
        adopt(writers[index].ledger, into: &committed, &names)
      }
    }
    adopt(try Self.recovered(storage, name: "last").ledger, into: &committed, &names)
    check(committed, try Self.recovered(storage, name: "check").ledger.state, seed: seed)
  }

  /// Entries whose answer was lost: they are in the chain, but nobody was told.
  private func adopt(
    _ ledger: Ledger, into committed: inout [PartitionKey: [Range<Int64>]],
    _ names: inout Set<CommitID>
  ) {
    for entry in ledger.recentEntries
    where entry.kind == .commit && names.insert(entry.commitID).inserted {
      for move in entry.partitions { committed[move.key, default: []].append(move.from..<move.to) }
    }
  }

  private func check(
    _ committed: [PartitionKey: [Range<Int64>]], _ state: ChainState, seed: UInt64
  ) {
    var moved = 0
    for (key, partition) in state.partitions {
      var next: Int64 = 0
      let ranges = (committed[key] ?? []).filter { !$0.isEmpty }
      for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
        #expect(range.lowerBound == next, "seed \(seed), \(key)")
        next = range.upperBound
        moved += 1
      }
      #expect(next == partition.to, "seed \(seed), \(key)")
    }
    #expect(moved > 20, "seed \(seed): the history did something")
  }

  private static func moves(
    of writer: Writer, _ random: inout SplitMix64
  ) -> [PartitionMove] {
    (0..<partitionCount).filter { _ in Bool.random(using: &random) }.map {
      writer.move($0, by: Int64.random(in: 0..<20, using: &random))
    }
  }

  private func planFault(_ storage: MemoryStorage, _ random: inout SplitMix64) {
    guard Int.random(in: 0..<4, using: &random) == 0, storage.plannedFaultCount == 0 else { return }
    let operations: [StorageOperation?] = [.put, .read, .list, .syncFolder, nil]
    storage.plan(
      .init(
        operations.randomElement(using: &random) ?? nil,
        after: Int.random(in: 0..<3, using: &random),
        kind: [.ioError, .noSpace, .syncFailed].randomElement(using: &random) ?? .ioError,
        takesEffect: Bool.random(using: &random)))
  }

  /// A new start; storage faults that still wait hit at most a few attempts.
  private static func recovered(_ storage: MemoryStorage, name: String) throws -> Writer {
    var last: LedgerError?
    for attempt in 0..<10 {
      let writer = Writer(storage, name: "\(name)-\(attempt)")
      do {
        try writer.begin(partitionCount: partitionCount)
        return writer
      } catch {
        last = error
      }
    }
    throw last ?? LedgerError.missingEntry(version: 0)
  }
}
