import Metrics
import Pipeline

/// The figures that say how it goes, each with what it was before: read from afar.
enum DialSections {
  static func markup(_ view: StatusView) -> Markup {
    """
    <div class="dials" id="dials">
    \(throughput(view))
    \(behind(view))
    \(watermark(view))
    \(latency(view.status))
    \(commits(view.status))
    </div>
    """
  }

  // MARK: - Over time

  static func throughput(_ view: StatusView) -> Markup {
    let last = view.history.last
    let rate = last?.recordsPerSecond
    let points = view.history.map { PlotPoint(at: $0.atMicros, $0.recordsPerSecond) }
    let received = last?.bytesPerSecond.map {
      "\(Quantity.bytes(Int64($0)))/s from the brokers; "
    }
    let readings = Quantity.count(view.status.total("readings"), of: "reading")
    return dial(
      "throughput", "Throughput", figure: rate.map(Quantity.rate), unit: "records/s",
      plot: overTime(view, points, "Records a second", Quantity.rate),
      note: "\(received ?? "")\(readings) committed since the start")
  }

  static func behind(_ view: StatusView) -> Markup {
    let status = view.status
    let points = view.history.map { PlotPoint(at: $0.atMicros, $0.lagRecords.map(Double.init)) }
    let trend = Trend(view)
    let age = status.lagSeconds.map {
      $0 == 0 ? "everything in Kafka is taken in"
        : "the partition that is furthest behind: \(Quantity.age($0))"
    }
    let words =
      switch trend.direction {
      case .upToDate: age ?? "not known yet"
      case .steady: "steady; \(age ?? "")"
      case .catchingUp: "becoming fewer; \(age ?? "")"
      case .fallingBehind: "becoming more; \(age ?? "")"
      }
    return dial(
      "behind", "Behind", figure: status.lagRecords.map(Quantity.count),
      unit: status.lagRecords == 1 ? "record" : "records",
      plot: overTime(view, points, "Records behind") { Quantity.count(Int64($0)) }, note: words)
  }

  static func watermark(_ view: StatusView) -> Markup {
    let lag = view.status.watermarkLagSeconds
    let points = view.history.map { PlotPoint(at: $0.atMicros, $0.watermarkLagSeconds) }
    return dial(
      "watermark", "Watermark lag", figure: lag.map(Quantity.age), unit: "",
      plot: overTime(view, points, "Watermark lag", Quantity.age),
      note: lag == nil
        ? "no device has a watermark yet"
        : "how far the windows' clock is behind, in the partition where it is furthest")
  }

  /// A plot over the time the history covers, with its ends written below.
  private static func overTime(
    _ view: StatusView, _ points: [PlotPoint], _ what: String, _ text: (Double) -> String
  ) -> Markup {
    let values = points.compactMap(\.value)
    guard let most = values.max(), let least = values.min(), let last = values.last,
      values.count > 1
    else { return "<p class=\"plot empty\">A line follows after some seconds.</p>" }
    let now = view.status.nowMicros
    // A young instance's plot is not mostly empty.
    let span = max(60_000_000, now - (view.history.first?.atMicros ?? now))
    let seconds = (span + 30_000_000) / 1_000_000
    let ago = seconds < 120 ? "\(span / 1_000_000) s" : "\(seconds / 60) min"
    let plot = Plot(
      points: points, fromMicros: now - span, toMicros: now,
      label: "\(what) over the last \(ago): now \(text(last)), least \(text(least)), "
        + "most \(text(most))",
      gapMicros: StatusHistory.intervalNanos / 1000 * 3)
    return """
      \(plot.markup)
      <p class="axis" aria-hidden="true"><span>\(ago) ago</span><span>most \(text(most))</span>\
      <span>now</span></p>
      """
  }

  // MARK: - Since the start

  static func latency(_ status: PipelineStatus) -> Markup {
    let histogram = status.endToEndSeconds
    func text(_ share: Double) -> String {
      histogram.quantile(share).map(Quantity.duration) ?? "–"
    }
    let counts = histogram.counts
    var plot: Markup = "<p class=\"plot empty\">No record has been committed yet.</p>"
    if let first = counts.firstIndex(where: { $0 > 0 }),
      let last = counts.lastIndex(where: { $0 > 0 })
    {
      let from = first == 0 ? 0 : histogram.bounds[first - 1]
      let upTo = last < histogram.bounds.count ? histogram.bounds[last] : nil
      let end = upTo.map(Quantity.duration) ?? "more"
      let bars = Bars(
        values: counts[first...last].map(Double.init),
        label: "Records by latency since the start, from \(Quantity.duration(from)) to \(end): "
          + "p50 \(text(0.5)), p95 \(text(0.95)), p99 \(text(0.99))")
      plot = """
        \(bars.markup)
        <p class="axis" aria-hidden="true"><span>\(Quantity.duration(from))</span>\
        <span>\(end)</span></p>
        """
    }
    let more = ": p50 \(text(0.5)), p99 \(text(0.99))"
    return dial(
      "latency", "End-to-end latency", figure: histogram.count == 0 ? nil : text(0.95),
      unit: "p95", plot: plot,
      note: "from Kafka to the tables, since the start" + (histogram.count == 0 ? "" : more))
  }

  static func commits(_ status: PipelineStatus) -> Markup {
    let recent = status.recentCommits
    var plot: Markup = "<p class=\"plot empty\">No commit has been made yet.</p>"
    if let most = recent.map(\.durationMicros).max() {
      let text = Quantity.duration(Double(most) / 1e6)
      let newest = Quantity.count(Int64(recent.count), of: "commit")
      let bars = Bars(
        values: recent.map { Double($0.durationMicros) },
        label: "How long the newest \(newest) took: \(text) at most")
      plot = """
        \(bars.markup)
        <p class="axis" aria-hidden="true"><span>the newest \(recent.count)</span>\
        <span>most \(text)</span></p>
        """
    }
    let note: String
    if let last = status.lastCommit {
      let took = Quantity.duration(Double(last.durationMicros) / 1e6)
      let records = Quantity.count(last.recordCount, of: "record")
      note = "the last one took \(took), with \(records)"
    } else {
      note = "none since the start"
    }
    return dial(
      "commit", "Last commit",
      figure: status.lastCommit == nil ? nil : Quantity.age(status.secondsSinceCommit),
      unit: "ago", plot: plot, note: note)
  }

  // MARK: - Shape

  /// - Parameter figure: nil where it is not known yet.
  private static func dial(
    _ id: String, _ title: String, figure: String?, unit: String, plot: Markup, note: String
  ) -> Markup {
    let unknown: Markup = "<b>–</b><span class=\"vh\"> not known yet</span>"
    let value = figure.map { "<b>\($0)</b> \(unit)" as Markup } ?? unknown
    return .section(
      id, title, style: "dial",
      """
      <p class="figure">\(value)</p>
      \(plot)
      <p class="note">\(note)</p>
      """)
  }
}
