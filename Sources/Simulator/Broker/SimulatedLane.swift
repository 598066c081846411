import Telemetry

/// One lane's records of a simulated client; follows `LaneQueue`'s contract.
///
/// **Threads:** one, the lane's.
final class SimulatedLane: RecordSource {
  private(set) var partitions: [TopicPartition] = []

  private let cluster: SimulatedCluster
  private let client: Int
  private let lane: Int
  private let bytes = DrainBytes()
  /// Of the last drain, index for index the batch's.
  private var deliveries: [Delivery] = []
  /// Since the last `takeFaults`.
  private var faults: [String] = []

  init(_ cluster: SimulatedCluster, client: Int, lane: Int) {
    self.cluster = cluster
    self.client = client
    self.lane = lane
  }

  func drain(into batch: inout RecordBatch, countMax: Int, timeoutMillis: Int32) {
    batch.removeAll()
    let knownCount = partitions.count
    let found = cluster.wait(timeoutMillis: Int(timeoutMillis)) { [client, lane]
      state -> (deliveries: [Delivery], added: [TopicPartition])? in
      let deliveries = state.takeRecords(client, lane: lane, countMax: countMax)
      faults += state.takeFaults(client, lane: lane)
      if deliveries.isEmpty { return nil }
      let slots = state.clients[client].lanes[lane].slots
      return (deliveries, slots[knownCount...].map(\.partition))
    }
    partitions += found?.added ?? []
    deliveries = found?.deliveries ?? []
    bytes.hold(deliveries)
    for (index, delivery) in deliveries.enumerated() {
      let header = RecordHeader(
        kind: delivery.kind, partitionIndex: Int32(delivery.slot), offset: delivery.offset,
        timestampMicros: delivery.record?.timestampMicros ?? ReadingBatch.absentTimestamp,
        hasAppendTime: delivery.record?.hasAppendTime ?? false)
      bytes.append(header, index, to: &batch)
    }
  }

  func headersJSON(at index: Int) -> String? { deliveries[index].record?.headersJSON }

  func takeFaults() -> [String] {
    defer { if !faults.isEmpty { faults = [] } }
    return faults
  }
}
