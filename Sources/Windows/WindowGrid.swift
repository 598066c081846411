import Base

/// The geometry of a set of windows that the same metrics are in: which slices they share.
///
/// The **width** of a window is the greatest common divisor of its size and slide: its edges are
/// multiples of it. **Levels** are a chain of slice widths, each a multiple of the one before:
/// level 0 is the greatest common divisor of all widths, then come the widths in ascending order
/// that continue the chain. A window belongs to the coarsest level whose width divides its own, so
/// that it is a merge of whole slices of that level and of the finer ones.
///
///     1m/10s, 5m/1m, 1h/5m      levels 10 s, 1 min, 5 min
///     1m/10s, 1m/15s            levels 5 s, 10 s; the second window merges slices of 5 s
///
/// With the **dropped-through edge** D (every window with end ≤ D is gone) level l is live from
/// E(l) on: the earliest slice that a kept window of that level contains. A reading belongs to the
/// finest level live at its time, so coarser levels hold older readings, and no two slices ever
/// hold the same stretch of time.
struct WindowGrid: Sendable {
  struct Window: Sendable {
    /// Index into the configured windows.
    let index: Int
    let size: Int64
    let slide: Int64
    let level: Int

    /// The smallest window end above `time`.
    func firstEnd(after time: Int64) -> Int64 {
      Timestamp.floor(time - size, toMultipleOf: slide) + slide + size
    }

    /// The start of the earliest window whose end is above `edge`.
    func firstStart(keptAfter edge: Int64) -> Int64 { firstEnd(after: edge) - size }
  }

  /// In the order of the configuration.
  let windows: [Window]
  /// Slice widths in microseconds, finest first.
  let widths: [Int64]

  /// The grid of those `definitions` whose bit in `mask` is set; at least one.
  init(definitions: [WindowDefinition], mask: UInt64) {
    let selected = definitions.indices.filter { mask & (1 << UInt64($0)) != 0 }
    precondition(!selected.isEmpty, "a grid has at least one window")
    let ownWidths = selected.map {
      Self.gcd(definitions[$0].sizeMicros, definitions[$0].slideMicros)
    }
    var chain = [ownWidths.reduce(0, Self.gcd)]
    for width in ownWidths.sorted() where width > chain.last! && width % chain.last! == 0 {
      chain.append(width)
    }
    widths = chain
    windows = zip(selected, ownWidths).map { index, width in
      Window(
        index: index, size: definitions[index].sizeMicros, slide: definitions[index].slideMicros,
        level: chain.lastIndex { width % $0 == 0 } ?? 0)
    }
  }

  static func gcd(_ left: Int64, _ right: Int64) -> Int64 {
    var (left, right) = (left, right)
    while right != 0 { (left, right) = (right, left % right) }
    return left
  }

  /// E(l): from where on level `level` is live; `EventTime.none` while nothing was dropped, and
  /// `Int64.max` for a level without windows.
  func liveEdge(level: Int, droppedThrough: Int64) -> Int64 {
    if droppedThrough == EventTime.none { return EventTime.none }
    var edge = Int64.max
    for window in windows where window.level == level {
      edge = min(edge, window.firstStart(keptAfter: droppedThrough))
    }
    return edge
  }

  /// The finest level live at `time`, or nil when every window that contains it is dropped.
  func homeLevel(of time: Int64, droppedThrough: Int64) -> Int? {
    // A window that contains a time ends after it.
    if time >= droppedThrough { return 0 }
    return widths.indices.first { time >= liveEdge(level: $0, droppedThrough: droppedThrough) }
  }
}
