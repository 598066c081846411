import Testing

@testable import Status

@Suite struct RouteTests {
  @Test(arguments: [
    ("/metrics", Route.metrics, ""), ("/metrics?a=/b", .metrics, ""), ("/", .html, ""),
    ("/?x", .html, ""), ("/reload", .reload, ""), ("/tap", .tap, ""),
    ("/anomalies/a1", .anomaly, "a1"), ("/anomalies/a1?x=/y", .anomaly, "a1"),
    ("/anomalies/..", .anomaly, ".."),
  ]) func `a path leads to one route`(_ path: String, _ route: Route, _ word: String) {
    #expect(Route.match(path) == Route.Match(route: route, word: word))
  }

  @Test(arguments: [
    "", "metrics", "/metrics/", "//", "/Metrics", "/metrics/x", "/reload/x", "/anomalies",
    "/anomalies/", "/anomalies//", "/anomalies/a/b", "/anomalies/a/", "/x/a1",
  ]) func `every other path leads nowhere`(_ path: String) {
    #expect(Route.match(path) == nil)
  }

  @Test func `orders and records are for the admin surface only`() {
    let open = Route.allCases.filter { $0.isOn(.open) }
    #expect(open == [.metrics, .alive, .ready, .status, .html, .anomaly])
    #expect(Route.allCases.allSatisfy { $0.isOn(.admin) })
    #expect(open.allSatisfy { "\($0.methods)" == "[GET, HEAD]" })
  }
}
