from trainer.stages.curve import draw_loss


def test_the_loss_curve_is_drawn_as_a_picture(tmp_path):
    rows = ["step,loss,learning_rate,tokens,seconds", "20,9.1,1e-4,100,1.0", "40,8.2,2e-4,200,2.0"]
    (tmp_path / "loss.csv").write_text("\n".join(rows) + "\n")
    assert draw_loss(tmp_path).read_bytes().startswith(b"\x89PNG")
