import Base

/// What a simulation does to a pipeline. Every kind must be met by some schedule of every run of
/// many seeds: a fault that never happens proves nothing.
package enum FaultKind: String, CaseIterable, Sendable {
  // Processes and machines.
  case processKilled = "process killed at a system call"
  case machineCrashed = "machine crashed, unsynced data lost or torn"
  case processFrozen = "process frozen past its session (zombie)"
  case instanceAdded = "instance added"
  case instanceStopped = "instance stopped in order"
  case clockJumped = "wall clock jumped"

  // Storage.
  case writeTorn = "file torn: synced name, unsynced bytes"
  case nameLost = "name lost: linked, folder not synced"
  case outOfSpace = "write refused for want of space"
  case inputOutputError = "system call failed with EIO"
  case syncFailed = "sync failed"
  case putReportedAsFailure = "link done and reported as failed"
  case slowStorage = "storage slow"

  // Kafka.
  case rebalanced = "rebalance"
  case partitionsRevoked = "partitions revoked"
  case partitionsLost = "partitions lost"
  case staleDelivery = "records of an earlier assignment delivered"
  case duplicateDelivery = "records delivered twice"
  case forwardJump = "records missing from a delivery"
  case slowBroker = "broker slow or away"
  case retentionOvertook = "retention overtook the reader"
  case transactionMarker = "offset without a record"
  case partitionIdle = "partition without records found idle"
  case partitionsAdded = "topic gained partitions"
  case topicRecreated = "topic re-created"
  case clusterReplaced = "other cluster at the same address"

  // The schema registry.
  case schemaUnknown = "schema not known for a while"

  // Dead letters.
  case sourceFlooded = "source paused by a flood of dead letters"
  case floodProbed = "paused source tried again"
  case lettersReplayed = "dead letters replayed beside the pipeline"
  case lettersMended = "dead letters came back under a mended mapping"
  case replaysMet = "two replays chose the same letters"
  case replayKilled = "replay killed at a system call"

  // Files that lie.
  case stateDamaged = "newest state snapshot damaged"
  case summaryDamaged = "newest summary damaged"

  // Maintenance of the tables, and what it was killed at.
  case tableCompacted = "small files merged"
  case logCheckpointWritten = "log checkpoint written"
  case datesExpired = "dates expired"
  case removedFileDeleted = "file deleted that was removed from its table"
  case orphanDeleted = "file deleted that no log named"
  case logCleanedUp = "commit of a table cleaned up"
  case killedInCompaction = "process killed in compaction"
  case killedInLogCheckpoint = "process killed writing a log checkpoint"
  case killedInRetention = "process killed in retention"
  case killedInDeletion = "process killed deleting files"
  case killedInLogCleanup = "process killed cleaning a log up"

  // Other programs.
  case foreignCommit = "other engine wrote to a table"
  case configurationReloaded = "detectors reloaded"
}

/// How often each fault has been met in one simulation.
package final class FaultTally: Sendable {
  private let counts = Monitor<[FaultKind: Int]>([:])

  package init() {}

  package func note(_ kind: FaultKind) { counts.update { $0[kind, default: 0] += 1 } }

  package var taken: [FaultKind: Int] { counts.update { $0 } }
}
