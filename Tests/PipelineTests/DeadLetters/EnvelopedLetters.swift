import Decode
import Ledger
import Storage
import Testing

@testable import Pipeline

extension LetterRoot {
  static func envelopedOptions(_ directory: TestDirectory) throws -> PipelineOptions {
    var options = try TestSources.options(sources: [TestSources.enveloped()])
    options.schemas = directory
    return options
  }

  /// One record an id, all of them dead where the directory does not know their schema.
  static func makeEnveloped(
    _ storage: any Storage, _ options: PipelineOptions, ids: [UInt8]
  ) throws {
    let committer = Committer(
      options: options, storage: storage, pool: .test, incarnation: "maker",
      log: TestSources.silentLog)
    try committer.recover(clusterID: "cluster")
    try committer.open(
      TopicOpening(
        topic: "telemetry", incarnation: 0, partitionCount: 1, firstPartition: 0,
        startOffsets: [0]),
      clusterID: "cluster")
    committer.own(PartitionKey(topic: "telemetry", incarnation: 0, partition: 0))
    let (start, source) = (PartitionStart.test(), options.sources[0])
    let harness = PartitionHarness(
      start, source: source,
      state: StateSnapshot.empty(
        cut: 0, key: start.key, source: source, admission: source.admission),
      schemas: options.schemas)
    harness.offer(
      ids.enumerated().map { .wide("sat-1", second: Double($0)).inEnvelope($1) }, from: 0)
    _ = try committer.commit([try #require(harness.cut())], id: committer.nextCommitID())
  }
}
