/// An anomaly that was open when its metric went from the source: it waits to be closed.
struct GoneMetric: Equatable {
  let device: UInt32
  /// The column as it was called.
  let metric: String
  let slot: ActiveSlot
}
