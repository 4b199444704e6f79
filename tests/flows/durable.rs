//! Flows that wait for somebody, and flows whose server has stopped meanwhile.

use crate::bench::{Bench, Heard, asked, engine, flow, llm, node, reply, start};
use crate::model::{Model, Say};
use flowlatch::engine::prediction::{PredictionEnd, PredictionEvent};
use flowlatch::engine::{EngineError, StartedBy};
use flowlatch::model::flow::FlowKind::Agentflow;
use flowlatch::model::flow::HumanInput;
use flowlatch::model::run::RunStatus;
use serde_json::{Value, json};

fn asking() -> Value {
    let asks = node(
        "humanInputAgentflow",
        "ask",
        json!({
        "humanInputDescriptionType": "fixed", "humanInputDescription": "<p>Send {{draft}}?</p>", "humanInputEnableFeedback": true }),
    );
    let nodes = vec![
        start(),
        reply("draft", "a draft for {{question}}"),
        asks,
        reply("sent", "sent: {{draft}}"),
        llm(
            "again",
            json!({ "llmEnableMemory": true, "llmUserMessage": "Better" }),
        ),
    ];
    flow(
        nodes,
        &["start>draft", "draft>ask", "ask:0>sent", "ask:1>again"],
    )
}

fn says(proceeds: bool, feedback: Option<&str>) -> HumanInput {
    HumanInput {
        proceeds,
        node_id: None,
        feedback: feedback.map(str::to_owned),
    }
}

#[tokio::test]
async fn a_flow_stops_at_a_question_and_goes_on_with_the_answer() {
    let bench = Bench::start().await;
    let id = bench.save(Agentflow, &asking()).await;
    let stopped = bench.ask(&id, "Ann").await;
    let PredictionEnd::Stopped { action, text } = &stopped.end else {
        panic!("{:?}", stopped.end);
    };
    assert_eq!(text, "Send a draft for Ann?");
    assert_eq!(
        action["mapping"],
        json!({ "approve": "Proceed", "reject": "Reject" })
    );
    assert_eq!(
        action["data"],
        json!({ "nodeId": "ask", "nodeLabel": "ask", "input": text })
    );
    assert_eq!(
        stopped.nodes(),
        ["start FINISHED", "draft FINISHED", "ask STOPPED"]
    );
    let run = bench.run(&stopped);
    assert_eq!(run.summary.status, RunStatus::Running);
    let other = HumanInput {
        node_id: Some("draft".to_owned()),
        ..says(true, None)
    };
    let refused = bench
        .engine
        .resume_prediction(&run, &other, "c", "test")
        .await;
    assert!(
        matches!(refused, Err(EngineError::Conflict(_))),
        "that node asks nothing"
    );

    let goes_on = bench
        .engine
        .resume_prediction(&run, &says(true, None), "c", "test")
        .await
        .unwrap();
    let heard = Heard::all_of(goes_on).await;
    assert_eq!(heard.text(), "sent: a draft for Ann");
    assert_eq!(heard.told(), heard.text());
    assert_eq!(heard.run, stopped.run, "it is the same run");
    assert_eq!(
        heard.nodes(),
        [
            "start FINISHED",
            "draft FINISHED",
            "ask FINISHED",
            "sent FINISHED"
        ]
    );
    let run = bench.run(&heard);
    let Err(error) = bench
        .engine
        .resume_prediction(&run, &says(true, None), "c", "test")
        .await
    else {
        panic!("it has ended");
    };
    assert_eq!(
        error.to_string(),
        format!(
            "Cannot resume execution {} because it is in 'FINISHED' state. Only a stopped execution can be resumed",
            heard.run
        )
    );
}

#[tokio::test]
async fn a_no_takes_the_other_way_and_what_was_said_is_known_there() {
    let bench = Bench::start().await;
    let id = bench.save(Agentflow, &asking()).await;
    let stopped = bench.ask(&id, "Ann").await;
    let run = bench.run(&stopped);
    let goes_on = bench
        .engine
        .resume_prediction(&run, &says(false, Some("too long")), "c", "test")
        .await
        .unwrap();
    let heard = Heard::all_of(goes_on).await;
    assert_eq!(heard.text(), "You said: Better");
    assert_eq!(
        bench.model.last_messages(),
        ["user: too long", "user: Ann", "user: Better"]
    );
}

#[tokio::test]
async fn a_question_survives_the_server_and_so_does_a_model_that_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("db");
    let model = Model::start().await;
    let (first, store) = engine(&database, &model).await;
    let bench = Bench::over(first, store, model);
    let id = bench.save(Agentflow, &asking()).await;
    let stopped = bench.ask(&id, "Ann").await;
    bench.model.says(Say::Hold("begun"));
    let asked_model = bench
        .save(
            Agentflow,
            &flow(vec![start(), llm("one", json!({}))], &["start>one"]),
        )
        .await;
    let mut under_way = bench.predict(&asked_model, asked("hi")).await.unwrap();
    bench.model.until_called(1).await;
    bench.engine.begin_stop();
    let mut last = None;
    while let Some(event) = under_way.next().await {
        last = Some(event);
    }
    assert_eq!(last, Some(PredictionEvent::Ended(PredictionEnd::Stopping)));
    let unfinished = under_way.run().clone();
    drop(under_way);
    bench.engine.stop().await;
    let Bench {
        store,
        model,
        engine: stopped_engine,
        ..
    } = bench;
    drop(stopped_engine);
    store.close().await;

    let (second, store) = engine(&database, &model).await;
    let bench = Bench::over(second, store, model);
    bench.model.until_called(2).await;
    let run = bench.until_ended(&unfinished).await;
    assert_eq!(
        run.summary.status,
        RunStatus::Completed,
        "{:?}",
        run.summary.error
    );
    assert_eq!(bench.answer(&run).await, "You said: hi");
    let run = bench.run(&stopped);
    let goes_on = bench
        .engine
        .resume_prediction(&run, &says(true, None), "c", "test")
        .await
        .unwrap();
    assert_eq!(Heard::all_of(goes_on).await.text(), "sent: a draft for Ann");
}

#[tokio::test]
async fn a_session_goes_on_with_the_state_that_it_left_where_the_flow_says_so() {
    let bench = Bench::start().await;
    for (persists, expected) in [(true, "first+second"), (false, "+second")] {
        let begin = node(
            "startAgentflow",
            "start",
            json!({ "startInputType": "chatInput", "startPersistState": persists,
            "startState": [{ "key": "said", "value": "" }] }),
        );
        let code = node(
            "customFunctionAgentflow",
            "f",
            json!({
            "customFunctionJavascriptFunction": "return $flow.state.said + ($flow.state.said || $input === 'second' ? '+' : '') + $input",
            "customFunctionUpdateState": [{ "key": "said", "value": "{{output}}" }] }),
        );
        let id = bench
            .save(Agentflow, &flow(vec![begin, code], &["start>f"]))
            .await;
        let first = bench.ask(&id, "first").await;
        assert_eq!(first.text(), "first");
        let second = bench.predict_after(&id, asked("second"), &first).await;
        assert_eq!(second.text(), expected, "{persists}");
    }
}

#[tokio::test]
async fn a_flow_that_failed_is_tried_again_from_where_it_failed() {
    let bench = Bench::start().await;
    let nodes = vec![
        start(),
        llm("one", json!({})),
        llm("two", json!({ "llmUserMessage": "After {{one}}" })),
    ];
    let flow = flow(nodes, &["start>one", "one>two"]);
    let id = bench.save(Agentflow, &flow).await;
    bench.model.says(Say::text("first"));
    bench.model.says(Say::Status(401, "no"));
    let failed = bench.ask(&id, "hi").await;
    assert!(failed.failure().contains("401"), "{}", failed.failure());
    let by = StartedBy {
        label: "test".to_owned(),
        account: None,
    };
    let again = bench
        .engine
        .retry(&bench.run(&failed), &by, None)
        .await
        .unwrap()
        .run;
    let run = bench.until_ended(&again.summary.id).await;
    assert_eq!(run.summary.status, RunStatus::Completed);
    assert_eq!(bench.answer(&run).await, "You said: After first");
    assert_eq!(
        bench.model.calls().len(),
        3,
        "what had ended well is not asked again"
    );
}

#[tokio::test]
async fn an_answer_may_be_changed_by_its_owners_code() {
    let bench = Bench::start().await;
    let input = asked("hi");
    let id = bench
        .save(
            Agentflow,
            &flow(vec![start(), reply("r", "answer")], &["start>r"]),
        )
        .await;
    let workflow = bench.sequence(&id);
    bench.knows("tone", "kind").await;
    bench.was_said(&id, "before").await;
    for (code, expected) in [
        (
            "return $flow.rawOutput.toUpperCase() + $flow.input",
            "ANSWERhi",
        ),
        ("return", "answer"),
        ("return { a: 1 }", "{\"a\":1}"),
        (
            "return $vars.tone + ' ' + $flow.chatHistory[0].content",
            "kind before",
        ),
    ] {
        let text = bench
            .engine
            .post_processed(code, workflow, &input, "answer")
            .await;
        assert_eq!(text.unwrap(), expected, "{code}");
    }
    assert!(
        bench
            .engine
            .post_processed("return nothing", workflow, &input, "answer")
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_at_once_is_heard_too() {
    let bench = Bench::start().await;
    let id = bench.save(Agentflow, &asking()).await;
    for number in 0..50 {
        let stopped = bench.ask(&id, &number.to_string()).await;
        let run = bench.run(&stopped);
        let yes = says(true, None);
        let goes_on = bench.engine.resume_prediction(&run, &yes, "c", "test");
        let heard = Heard::all_of(goes_on.await.unwrap()).await;
        assert_eq!(heard.text(), format!("sent: a draft for {number}"));
    }
}
