import Foundation
import ModelHub
import Testing

@Suite struct HubSettingsTests {
    private func settings(_ environment: [String: String]) throws -> HubSettings {
        try HubSettings(environment: environment.merging(["HF_TOKEN_PATH": "/no/such/token"]) { own, _ in own })
    }

    @Test func foldersFollowTheVariables() throws {
        let home = NSHomeDirectory()
        #expect(try settings([:]).cache.path == home + "/.cache/huggingface/hub")
        #expect(try settings(["XDG_CACHE_HOME": "/x"]).cache.path == "/x/huggingface/hub")
        #expect(try settings(["HF_HOME": "/h"]).cache.path == "/h/hub")
        #expect(try settings(["HF_HOME": "/h", "HF_HUB_CACHE": "/c"]).cache.path == "/c")
        #expect(try settings(["HF_HOME": "~/h"]).cache.path == home + "/h/hub")
    }

    @Test func endpointAndToken() throws {
        #expect(try settings([:]).endpoint == "https://huggingface.co")
        #expect(try settings(["HF_ENDPOINT": "https://mirror.example/hf/"]).endpoint == "https://mirror.example/hf")
        #expect(try settings(["HF_TOKEN": " hf_x\n"]).token == "hf_x")
        #expect(try settings([:]).token == nil)
    }

    @Test(arguments: [
        ("HF_ENDPOINT", "huggingface.co"), ("HF_ENDPOINT", "ftp://x"), ("HTTPS_PROXY", "https://proxy:1"),
        ("http_proxy", "http://"), ("ALL_PROXY", "quic://x"), ("HF_HUB_DOWNLOAD_TIMEOUT", "soon"),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "0"),
    ]) func badSettings(_ name: String, _ value: String) {
        let error = #expect(throws: HubError.self) { try settings([name: value]) }
        guard case .setting(name, value, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func tokensWithSpacesAreNotShown() {
        let error = #expect(throws: HubError.self) { try settings(["HF_TOKEN": "one two"]) }
        #expect(error?.description.contains("one") == true)  // of "one word"
        #expect(error?.description.contains("two") == false)
    }

    @Test func proxies() throws {
        let proxies = try ProxySettings(environment: [
            "HTTPS_PROXY": "http://me:secret@proxy.example:3128", "http_proxy": "plain:8080",
            "NO_PROXY": "localhost, .internal.example,10.0.0.1:8000,*.corp",
        ])
        func proxy(_ url: String) -> ProxySettings.Proxy? { proxies.proxy(for: URL(string: url)!) }
        #expect(proxy("https://huggingface.co/x")?.host == "proxy.example")
        #expect(proxy("https://huggingface.co/x")?.port == 3128)
        #expect(proxy("https://huggingface.co/x")?.user == "me")
        #expect(proxy("http://huggingface.co/x")?.host == "plain")
        for direct in [
            "https://localhost/x", "https://a.internal.example/", "https://internal.example", "http://10.0.0.1:8000/",
            "https://x.corp",
        ] { #expect(proxy(direct) == nil, "\(direct)") }
        for proxied in ["https://notlocalhost/x", "https://xinternal.example/", "http://10.0.0.1:80/"] {
            #expect(proxy(proxied) != nil, "\(proxied)")
        }
        let none = try ProxySettings(environment: ["ALL_PROXY": "socks5://s:1", "no_proxy": "*"])
        #expect(none.proxy(for: URL(string: "https://huggingface.co")!) == nil)
        let socks = try ProxySettings(environment: ["all_proxy": "socks5h://s"])
        #expect(socks.proxy(for: URL(string: "https://huggingface.co")!)?.port == 1080)
    }
}
