/// Decides whether a file that nothing names can ever be named (design: "Orphans"). Age proves
/// nothing: whoever made the file may have been stopped for years, and wake up.
///
/// **Data files.** A file's commit moves partitions of which the newest was based on the file's
/// base version: an entry that names the file is valid only while one partition was last moved by
/// exactly that entry. Once no open partition stands there, no valid entry can name the file any
/// more, whoever is still alive: partitions never go back, and an incarnation of a topic that is
/// not open any more never moves again.
///
/// A replay of dead letters moves no partition: its files are based on the replay before it, or on
/// entry 0, and are proven orphans once another replay is in the chain. A decision that ends
/// incarnations goes in under one number only, the chain's end while those stand where it says.
///
/// **State snapshots** carry the base of their own partition: a move that brings one is valid only
/// while the partition stands there.
///
/// The proof speaks of entries to come. What the entries up to `lastVersion` name, and what tables
/// have taken of them, the caller knows: names are looked at after the disk, and the disk before
/// the chain, so that a file that was seen unnamed was made before the chain was read.
package struct OrphanProof: Sendable {
  private let standingAt: Set<Int64>
  private let partitions: [(key: PartitionKey, lastVersion: Int64, isOpen: Bool)]
  /// The chain's end as it was read.
  package let lastVersion: Int64

  package init(_ state: ChainState) {
    lastVersion = state.lastVersion
    partitions = state.partitions.map { key, partition in
      (key, partition.lastVersion, state.topics[key.topic]?.incarnation == key.incarnation)
    }
    standingAt = Set(partitions.lazy.filter(\.isOpen).map(\.lastVersion))
      .union([max(0, state.lastReplay)])
  }

  /// Whether no entry after the chain's end as it was read can name a data file of this base.
  package func holds(forBase version: Int64) -> Bool {
    version <= lastVersion && !standingAt.contains(version)
  }

  /// Whether no entry after the chain's end as it was read can name this state snapshot. Of names
  /// without a base nothing can be said.
  package func holds(for state: OwnName.State) -> Bool {
    guard let base = state.baseVersion, base <= lastVersion else { return false }
    let possible = partitions.filter { state.mayBelong(to: $0.key) }
    return !possible.isEmpty && !possible.contains { $0.isOpen && $0.lastVersion == base }
  }
}
