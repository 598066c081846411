import Base
import Ledger

/// Names of the files we write. A name says whose it is: pipeline, commit id, and the chain
/// version its partitions were based on, which is what proves an orphan (design: "Orphans").
enum FileNames {
  /// `tables/readings_x/event_date=2026-11-21/fleet-v41-<commit id>-0.parquet`
  static func data(
    table: String, date: String, pipeline: String, baseVersion: Int64, commitID: CommitID,
    number: Int
  ) -> String {
    let name = "\(pipeline)-v\(baseVersion)-\(commitID)-\(number).parquet"
    return "\(tableFolder(table))/event_date=\(date)/\(name)"
  }

  static func tableFolder(_ table: String) -> String { "tables/\(table)" }

  /// `_state/fleet-v41-<commit id>-telemetry-0-3.state`
  /// - Parameter baseVersion: the entry that the partition was based on.
  static func state(
    pipeline: String, baseVersion: Int64, commitID: CommitID, key: PartitionKey
  ) -> String {
    "\(stateFolder)/\(pipeline)-v\(baseVersion)-\(commitID)"
      + "-\(key.topic)-\(key.incarnation)-\(key.partition).state"
  }

  static let stateFolder = "_state"

  /// Whether a state's path is one that `state` gives for the partition.
  static func isState(_ path: String, of key: PartitionKey) -> Bool {
    path.hasSuffix("-\(key.topic)-\(key.incarnation)-\(key.partition).state")
  }
}
