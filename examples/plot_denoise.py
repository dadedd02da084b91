"""
=======================
Denoising by itself
=======================

scikit-image's denoisers need a number: a weight, a filter strength, the noise's standard deviation.
``denoise_cli.denoise`` measures the noise and chooses. It takes and returns the arrays that
scikit-image does, ``channel_axis`` included.

"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import data, img_as_float
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

from denoise_cli import denoise

######################################################################
# A photograph with Gaussian noise of standard deviation 0.1.

clean = img_as_float(data.camera()[80:272, 150:342])
noisy = np.clip(clean + 0.1 * np.random.default_rng(0).standard_normal(clean.shape), 0, 1)

######################################################################
# scikit-image's total variation and non-local means, which have to be told how strong the noise is.

sigma = 0.1
chambolle = denoise_tv_chambolle(noisy, weight=sigma)
nl_means = denoise_nl_means(noisy, h=0.8 * sigma, sigma=sigma, patch_size=5, patch_distance=6, fast_mode=True)

######################################################################
# Without any number: what was found, and what was done about it, is a sentence.

automatic = denoise(noisy)
print(automatic.plan.sentence)

######################################################################
# The exact minimiser of total variation, with a proof of how near it is: the optimum lies between
# ``bound`` and ``cost``.

certified = denoise(noisy, method="optimal")
print(f"λ {certified.plan.weight:.3g}, {certified.iterations} iterations, gap {certified.gap:.1e}")

######################################################################
# Side by side.

pictures = {
    "noisy": noisy,
    "denoise_tv_chambolle": chambolle,
    "denoise_nl_means": nl_means,
    "denoise, optimal": certified.image,
    "denoise": automatic.image,
    "clean": clean,
}
figure, axes = plt.subplots(2, 3, figsize=(9, 6.5), sharex=True, sharey=True)
for axis, (name, picture) in zip(axes.flat, pictures.items(), strict=True):
    title = name
    if name != "clean":
        psnr = peak_signal_noise_ratio(clean, picture, data_range=1)
        similarity = structural_similarity(clean, picture, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
        title += f"\n{psnr:.2f} dB, SSIM {similarity:.3f}"
    axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axis.set_title(title, fontsize=10)
    axis.axis("off")
figure.tight_layout()
plt.show()
