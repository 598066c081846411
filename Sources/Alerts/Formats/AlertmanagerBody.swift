import Base

/// The body of `POST /api/v2/alerts`: an array of alerts, in the order in which they are to be
/// taken (prometheus/alertmanager, api/v2/openapi.yaml, `postableAlerts`).
enum AlertmanagerBody {
  /// A firing alert ends by itself when nobody repeats it: after four intervals, as Prometheus has
  /// it, whatever `resolve_timeout` the receiver has.
  static let resendCount: Int64 = 4

  /// - Parameter resendMicros: after how long firing alerts are sent again; nil for never, and then
  ///   the receiver's own `resolve_timeout` counts.
  static func bytes(
    _ alerts: [Alert], pipeline: String, pageURL: String?, nowMicros: Int64, resendMicros: Int64?
  ) -> [UInt8] {
    let body = alerts.map { alert in
      var members = [
        JSONMember("labels", .object(alert.labels(pipeline: pipeline))),
        JSONMember("annotations", .object(alert.annotations)),
        JSONMember("startsAt", .string(Timestamp.text(micros: alert.startMicros))),
      ]
      let end = alert.endMicros
        ?? resendMicros.map { max(alert.startMicros, nowMicros + resendCount * $0) }
      if let end { members.append(JSONMember("endsAt", .string(Timestamp.text(micros: end)))) }
      if let link = alert.link(pageURL: pageURL) {
        members.append(JSONMember("generatorURL", .string(link)))
      }
      return JSONValue.object(members)
    }
    return JSONValue.array(body).bytes
  }
}
