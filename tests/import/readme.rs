//! What the README shows of an import.

use crate::flowise::{Key, reply, retriever};
use crate::house::House;

/// The blocks of the section, each without its fences.
fn shown() -> Vec<String> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
    let readme = readme.expect("a README");
    let (_, rest) = readme
        .split_once("\n## Coming from Flowise\n")
        .expect("the section");
    let section = rest.split("\n## ").next().unwrap_or_default();
    let blocks = section.split("```").skip(1).step_by(2);
    blocks
        .map(|block| block.split_once('\n').expect("a language").1.to_owned())
        .collect()
}

#[test]
fn the_report_is_the_one_that_the_readme_shows() {
    let house = House::new(|flowise| {
        let website = Key(
            "0b1f7a52-7c3e-4d11-9a40-5be1c2d3e4f5",
            "q0Zt3-_kPzAeXh6RvYw1uJmN8sL2cD4fG5bHiTyO7rE",
        );
        let intranet = Key(
            "1c2f7a52-7c3e-4d11-9a40-5be1c2d3e4f5",
            "x+Zt3/kPzAeXh6RvYw1uJmN8sL2cD4fG5bHiTyO7rE0=",
        );
        flowise.key(
            website,
            "website",
            &["chatflows:view", "chatflows:export", "tools:view"],
        );
        flowise.key(intranet, "intranet", &["agentflows:view"]);
        let flow = |number: u32| format!("{number:08}-7c3e-4d11-9a40-5be1c2d3e4f5");
        flowise.flow(&flow(1), "Support", "AGENTFLOW", &reply("hi"), &[]);
        flowise.flow(
            &flow(2),
            "Orders",
            "AGENTFLOW",
            &reply("hi"),
            &[("apikeyid", website.0)],
        );
        flowise.flow(&flow(3), "Handbook", "AGENTFLOW", &retriever(), &[]);
        flowise.variable(
            "11111111-aaaa-4d11-9a40-5be1c2d3e4f5",
            "tone",
            "kind",
            Some("static"),
        );
        for number in 1..=4 {
            flowise.message(
                &format!("m000000{number}"),
                &flow(1),
                "userMessage",
                "hi",
                "s",
                number,
            );
        }
        flowise.message("m0000005", &flow(3), "userMessage", "hi", "s", 5);
        flowise.feedback("f0000001", &flow(1), "m0000002", "s", "THUMBS_UP");
        flowise.run("INSERT INTO credential VALUES ('c', 'n', 'openAIApi', 'x')");
    });
    let shown = shown();
    let [command, report] = &shown[..] else {
        panic!("not a command and a report: {shown:#?}");
    };
    assert_eq!(
        command,
        "flowlatch import flowise ~/.flowise/database.sqlite\n"
    );
    let done = house.import(&[]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(&done.stdout, report);
}
