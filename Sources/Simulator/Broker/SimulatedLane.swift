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

  init(_ cluster: SimulatedCluster, client: Int, lane: Int) {
    self.cluster = cluster
    self.client = client
    self.lane = lane
  }

  func drain(into batch: inout RecordBatch, countMax: Int, timeoutMillis: Int32) {
    batch.removeAll()
    let (client, lane, knownCount) = (client, lane, partitions.count)
    let found = cluster.await(timeoutMillis: Int(timeoutMillis)) {
      state -> (deliveries: [Delivery], added: [TopicPartition])? in
      let deliveries = state.takeRecords(client, lane: lane, countMax: countMax)
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
    cluster.await(timeoutMillis: 0) { [client, lane] state -> [String]? in
      if state.clients[client].lanes[lane].faults.isEmpty { return nil }
      defer { state.clients[client].lanes[lane].faults = [] }
      return state.clients[client].lanes[lane].faults
    } ?? []
  }
}
